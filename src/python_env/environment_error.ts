import { messageOf, SnakedenError } from "../errors.ts";
import { HOST_ENV } from "../process/mod.ts";

/** Creates an error about the Python environment, whose message ends with the cure. */
export function environmentError(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SnakedenError {
  return new SnakedenError("python_environment", message, { details, cause });
}

/** Creates the error for a file that could not be read or written, with its path and the reason. */
export function fileError(action: string, path: string, error: unknown): SnakedenError {
  const text = `Cannot ${action} ${path}: `;
  if (error instanceof Deno.errors.NotCapable) {
    return environmentError(
      `${text}this process was started without permission to do so. Run it with ` +
        "`--allow-read --allow-write=DATA_DIRECTORY --allow-run`; under `deno task`, set " +
        `${HOST_ENV.dataDir}, from which the task derives the permission`,
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
