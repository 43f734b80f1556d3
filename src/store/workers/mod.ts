/**
 * The records about workers: {@link ProcessStore} has their processes, by which the next host finds
 * those that a dead one left behind, and {@link ToolListStore} their tools, which the next host
 * lists before it has a worker.
 *
 * @module
 */
export { PROCESS_ROW, type ProcessKey, type ProcessRow } from "./process_row.ts";
export type { ProcessStore } from "./process_store.ts";
export {
  checkToolList,
  MAX_TOOL_LIST_BYTES,
  TOOL_LIST_HEAD,
  type ToolListHead,
  type ToolListRow,
  type ToolListStore,
} from "./tool_list_store.ts";
