/**
 * Rows that a running job adds: chunks of a stream, and outputs with a checkpoint.
 *
 * @module
 */
export { addChunks } from "./chunks.ts";
export {
  addOutputs,
  checkpointsOf,
  dropOutputs,
  outputBytes,
  removeOutputs,
} from "./job_outputs.ts";
