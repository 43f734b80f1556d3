import type { SnakedenError } from "../../errors.ts";
import { environmentError } from "../environment_error.ts";

const SHOWN_LINES = 15;
/** Printed by pip for a package that does not exist, and if the index cannot be reached. */
const NO_VERSIONS = /from versions: none/i;
const UNKNOWN = "the package index does not have a package. Check its name";
const CONFLICT = /conflicting dependencies|ResolutionImpossible|No solution found/i;

/** The end of pip or uv. */
interface InstallerResult {
  readonly success?: boolean;
  readonly code: number;
  readonly lines: readonly string[];
}

/** A reason in words; a final one stays when the same is installed again. */
type Reason = readonly [sign: RegExp, text: string, final?: "final"];

/** Patterns in the output of pip and uv. The first one that matches gives the reason. */
const REASONS: readonly Reason[] = [
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
      "network was disabled",
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
    /returned an? (?:401|403|5\d\d)/i,
    "the package index refused the request. Check PIP_INDEX_URL (with uv UV_DEFAULT_INDEX) and its " +
    "password",
  ],
  [
    /not found in the package registry/i,
    UNKNOWN,
    "final",
  ],
  [
    CONFLICT,
    "the requirements contradict each other, or no version fits this Python",
    "final",
  ],
  [
    NO_VERSIONS,
    "the package index could not be reached, or does not have the package. Check the name, the " +
    "network, PIP_INDEX_URL (with uv UV_DEFAULT_INDEX) and the proxy variables",
  ],
  [
    /No matching distribution found|Could not find a version/i,
    "a package has no version for this Python and system",
    "final",
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
 * @param options.pins The versions that Snakeden itself needs, such as `grpcio==1.85.1`.
 * @param options.isUnknown True if the index does not have a package.
 */
export function installFailure(
  what: string,
  result: InstallerResult,
  { pins = [], isUnknown = false }: {
    readonly pins?: readonly string[];
    readonly isUnknown?: boolean;
  } = {},
): SnakedenError {
  const output = result.lines.join("\n");
  const [, reason, final] = isUnknown
    ? [NO_VERSIONS, UNKNOWN, "final"] as const
    : REASONS.find(([sign]) => sign.test(output)) ??
      [NO_VERSIONS, `the installer exited with ${result.code}`] as const;
  const last = result.lines.filter((it) => it.trim() !== "").slice(-SHOWN_LINES);
  return environmentError(
    [
      `Cannot install ${what}: ${reason}.${neededBySnakeden(output, pins)}`,
      "Last output:",
      ...last.map((it) => `  ${it}`),
    ].join("\n"),
    { exitCode: result.code, lastOutput: last, ...(final === undefined ? {} : { final: true }) },
  );
}

/**
 * Returns true if pip has found no version of a package, and has not said whether the index has
 * none, or did not answer.
 */
export function saysNoReason({ success, lines }: InstallerResult): boolean {
  const output = lines.join("\n");
  const [sign] = success ? [] : REASONS.find(([it]) => it.test(output)) ?? [];
  return sign === NO_VERSIONS;
}

/**
 * Returns true if a line of pip's longest output names an address that could not be read, for
 * another reason than that nothing is there.
 */
export function isUnread(line: string): boolean {
  return /Could not fetch URL /.test(line) && !/: 404 Client Error/.test(line);
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
