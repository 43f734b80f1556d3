import type { NamedLogging } from "../config/mod.ts";
import { configureLoggingFor, type LogHandle, WATCHED } from "../log.ts";

/** Time for writing the last lines when the host has ended. */
const LAST_LINES_MS = 1_000;

/** Options of {@link openLog}. */
export interface OpenLogOptions {
  readonly logging: NamedLogging;
  /** True while somebody edits the code, and must see why it cannot be loaded. */
  readonly dev: boolean;
}

/**
 * Turns the log on if the program or `SNAKEDEN_LOG_LEVEL` names a level, or with `dev`. The whole
 * process shares one log, which outlives the host: disposing only waits until the last lines are
 * written.
 */
export function openLog(options: OpenLogOptions): AsyncDisposable {
  const log = speak(options);
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await log?.flush(LAST_LINES_MS);
    },
  };
}

function speak({ logging: { level, format }, dev }: OpenLogOptions): LogHandle | undefined {
  const form = format === undefined ? {} : { format };
  if (level !== undefined) return configureLoggingFor("host", { level, ...form }, { named: true });
  return dev ? configureLoggingFor("host", { ...WATCHED, ...form }, { named: false }) : undefined;
}
