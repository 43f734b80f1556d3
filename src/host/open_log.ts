import type { NamedLogging } from "../config/mod.ts";
import { configureLoggingFor } from "../log.ts";

/** Time for writing the last lines when the host has ended. */
const LAST_LINES_MS = 1_000;

/**
 * Makes the log speak when the program, or `SNAKEDEN_LOG_LEVEL`, names a level. The log is one for
 * the whole process, and outlives the host; disposing only waits until the last lines are written.
 */
export function openLog({ level, format }: NamedLogging): AsyncDisposable {
  const log = level === undefined
    ? undefined
    : configureLoggingFor("host", { level, ...(format === undefined ? {} : { format }) }, {
      named: true,
    });
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await log?.flush(LAST_LINES_MS);
    },
  };
}
