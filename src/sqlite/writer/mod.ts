/**
 * All operations that change jobs. {@link Writer} runs them in groups, one commit a group.
 *
 * @module
 */
export { FILE_CELLS, fileRowOf, filesOf, IS_THERE } from "./files/mod.ts";
export type { JobSettings } from "./job_moves.ts";
export { type LimitKey, roomOf } from "./keys/mod.ts";
export {
  concurrencyOf,
  QUEUE_COLUMNS,
  queueRowOf,
  rateOf,
  readTotals,
  type StoredQueue,
} from "./queues/mod.ts";
export { Statements } from "./statements.ts";
export { IN_LIST } from "./write_context.ts";
export { Writer } from "./writer.ts";
