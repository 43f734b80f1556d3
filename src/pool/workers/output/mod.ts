/**
 * The output of a worker. output_marks.ts finds the call that wrote a line, output_tail.ts keeps
 * the last lines for errors, and worker_log.ts writes all of them into the log of the host.
 *
 * @module
 */
export { type OutputLine, OutputMarks } from "./output_marks.ts";
export { OutputTail } from "./output_tail.ts";
export { WorkerLog } from "./worker_log.ts";
