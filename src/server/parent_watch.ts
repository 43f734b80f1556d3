import { InvalidInputError } from "../errors.ts";
import { readVariable } from "../granted.ts";
import { HOST_ENV } from "../process/mod.ts";

/** The only value of the variable: the parent holds a pipe to standard input. */
const BY_STDIN = "stdin";

/**
 * Calls `onEnd` once when the parent of this process has ended or wants the server to stop, if
 * `SNAKEDEN_PARENT` says how the server is to notice that. The system closes the parent's end of
 * the pipe however the parent ends, so this also works after SIGKILL.
 *
 * @throws {InvalidInputError} `config_invalid` for another value of the variable.
 */
export function watchParent(onEnd: () => void): void {
  const value = readVariable(HOST_ENV.parent) ?? "";
  if (value === "") return;
  if (value !== BY_STDIN) {
    const message = `given ${JSON.stringify(value)}; allowed: ${BY_STDIN}`;
    throw new InvalidInputError(
      `${HOST_ENV.parent}: ${message}`,
      [{ path: HOST_ENV.parent, message }],
      "config_invalid",
    );
  }
  void readToEnd().then(onEnd);
}

/** Reads standard input until it ends or fails; what arrives means nothing. */
async function readToEnd(): Promise<void> {
  const bytes = new Uint8Array(1024);
  try {
    while (await Deno.stdin.read(bytes) !== null);
  } catch {
    // A pipe that cannot be read is one whose end would not be noticed.
  }
}
