import type { SnakedenError } from "../../errors.ts";
import { environmentError } from "../environment_error.ts";

const SHOWN_LINES = 15;
const CONFLICT = /conflicting dependencies|ResolutionImpossible|No solution found/i;

/** Patterns in the output of pip and uv. The first one that matches gives the reason. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/i, "the disk is full"],
  [
    /certificate verify failed|CERTIFICATE_VERIFY_FAILED|UnknownIssuer|invalid peer certificate/i,
    "the package index's TLS certificate is not trusted. Behind a company proxy, set PIP_CERT or " +
    "SSL_CERT_FILE to its certificate",
  ],
  [
    anyOf(
      "NewConnectionError",
      "Failed to establish a new connection",
      "ConnectTimeoutError",
      "ReadTimeoutError",
      "ProxyError",
      "Max retries exceeded",
      "Temporary failure in name resolution",
      "Name or service not known",
      "dns error",
      "error sending request",
      "Connection (?:refused|reset)",
      "Network is unreachable",
      "Could not connect",
      "connection broken by",
    ),
    "the package index could not be reached. Check the network, or set PIP_INDEX_URL (with uv " +
    "UV_DEFAULT_INDEX) or the proxy variables; once installed, the packages need no network",
  ],
  [
    /DO NOT MATCH THE HASHES|Hash mismatch|hashes are required/i,
    "a downloaded package is not the one that was locked (its hash differs)",
  ],
  [
    anyOf(
      "invalid wheel",
      "is not a valid wheel",
      "BadZipFile",
      "Invalid zip",
      String.raw`failed to read .*\.whl`,
      "has an invalid",
      "is corrupt",
      "Bad CRC",
      "Failed to extract",
      "Wheel .* is invalid",
      "not a zip",
    ),
    "a package file is broken",
  ],
  [
    CONFLICT,
    "the requirements contradict each other, or no version fits this Python",
  ],
  [
    // Without retries, pip prints the same for both.
    /from versions: none/i,
    "the package index could not be reached, or does not have the package. Check the name, the " +
    "network, PIP_INDEX_URL (with uv UV_DEFAULT_INDEX) and the proxy variables",
  ],
  [
    /No matching distribution found|Could not find a version/i,
    "a package has no version for this Python and system",
  ],
  [
    /subprocess-exited-with-error|Failed building wheel|Failed to build|build backend/i,
    "a package had to be compiled here, and that failed. Use a Python for which it has a wheel",
  ],
];

/**
 * Creates the error for an installer that failed: the reason in words, then the last lines of its
 * output.
 *
 * @param pins The versions that Snakeden itself needs, such as `grpcio==1.85.1`.
 */
export function installFailure(
  what: string,
  result: { readonly code: number; readonly lines: readonly string[] },
  pins: readonly string[] = [],
): SnakedenError {
  const output = result.lines.join("\n");
  const reason = REASONS.find(([sign]) => sign.test(output))?.[1] ??
    `the installer exited with ${result.code}`;
  const last = result.lines.filter((it) => it.trim() !== "").slice(-SHOWN_LINES);
  return environmentError(
    [
      `Cannot install ${what}: ${reason}.${neededBySnakeden(output, pins)}`,
      "Last output:",
      ...last.map((it) => `  ${it}`),
    ].join("\n"),
    { exitCode: result.code, lastOutput: last },
  );
}

function anyOf(...signs: readonly string[]): RegExp {
  return new RegExp(signs.join("|"), "i");
}

/** Names the versions that Snakeden itself needs, if the output of a conflict mentions them. */
function neededBySnakeden(output: string, pins: readonly string[]): string {
  if (!CONFLICT.test(output)) return "";
  // pip marks them as constraints; uv says "you require a>=2 and a==1".
  const named = pins.filter((pin) =>
    output.includes(`(constraint) ${pin}`) || output.includes(`and ${pin}`)
  );
  if (named.length === 0) return "";
  return ` Snakeden itself needs ${named.join(" and ")}, so no other version can be installed; ` +
    "ask for a range that includes it.";
}
