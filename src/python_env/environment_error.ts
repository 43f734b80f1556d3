import { messageOf, SnakedenError } from "../errors.ts";
import { HOST_ENV } from "../process/mod.ts";

/**
 * An error about the Python environment: `message`, and after a line break what the user can do.
 */
export function environmentError(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SnakedenError {
  return new SnakedenError("python_environment", message, { details, cause });
}

/** What stood in the way of reading or writing `path`, in words. */
export function fileError(action: string, path: string, error: unknown): SnakedenError {
  const text = `Cannot ${action} ${path}: `;
  if (error instanceof Deno.errors.NotCapable) {
    return environmentError(
      `${text}this process was started without permission to do so. Run it with ` +
        `\`--allow-read --allow-write=DATA_DIRECTORY --allow-run\`; under \`deno task\` set ${HOST_ENV.dataDir}, ` +
        "from which the task makes the permission",
      { path },
      error,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return environmentError(
      `${text}the system refused it. Make it writable for this user, or choose another data ` +
        `directory with ${HOST_ENV.dataDir}`,
      { path },
      error,
    );
  }
  return environmentError(`${text}${messageOf(error)}`, { path }, error);
}
