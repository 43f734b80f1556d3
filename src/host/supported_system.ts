import { SnakedenError } from "../errors.ts";

/**
 * Checks that Snakeden runs on this system.
 *
 * @throws {SnakedenError} `startup_failed` on Windows, with the way out.
 */
export function assertSupportedSystem(os: typeof Deno.build.os = Deno.build.os): void {
  if (os !== "windows") return;
  throw new SnakedenError(
    "startup_failed",
    "Cannot start on Windows: Snakeden needs process groups, signals and Unix sockets as Linux " +
      "and macOS have them; run it in the Windows Subsystem for Linux (WSL 2) or in a container",
  );
}
