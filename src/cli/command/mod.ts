/**
 * The parts of every command: its streams ({@link CliIo}, {@link Output}), its client and options
 * ({@link Context}), and the exit statuses ({@link EXIT}) with the texts of errors.
 *
 * @module
 */
export type { Act } from "./act.ts";
export { type CliIo, type CliSink, systemIo } from "./cli_io.ts";
export type { NewFile, OpenFile } from "./files.ts";
export {
  collected,
  collectedList,
  type CommonOptions,
  durationMs,
  whole,
  withCommonOptions,
} from "./common_options.ts";
export { type Context, forEachId, writeDocument, writeJsonLine } from "./context.ts";
export { errorText } from "./error_text.ts";
export {
  EXIT,
  type ExitStatus,
  Interrupted,
  OutputClosed,
  reasonOf,
  statusOf,
  UsageError,
} from "./exit_status.ts";
export { type Fact, factLines, timeText, wrapped } from "./facts.ts";
export { GatheredLines } from "./gathered_lines.ts";
export { type ColorChoice, Output } from "./output.ts";
export { type ResultTarget, resultTarget } from "./result_target.ts";
