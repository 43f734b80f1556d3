/**
 * The output of a worker. output_marks.ts finds the call that wrote a line, output_tail.ts keeps
 * the last lines for errors, and worker_log.ts writes all of them into the log of the
 * host. worker_output.ts hands them out, also to the calls that keep their output.
 *
 * @module
 */
export { type OutputLine, OutputMarks } from "./output_marks.ts";
export { OutputTail } from "./output_tail.ts";
export { WorkerOutput } from "./worker_output.ts";
