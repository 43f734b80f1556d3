/**
 * Ways to follow a job until its end: its events ({@link jobEvents}), its log
 * ({@link jobLogParts}), its outputs ({@link jobOutputs}), and the end itself ({@link waitForEnd}).
 *
 * @module
 */
export { jobEvents } from "./job_events.ts";
export {
  jobLogParts,
  type JobLogsOptions,
  jsonLinesOf,
  linesOf,
  type LogItem,
  type LogLine,
} from "./job_logs.ts";
export { batchResults, type JobOutput, jobOutputs } from "./job_outputs.ts";
export { waitForEnd } from "./job_wait.ts";
