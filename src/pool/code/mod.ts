/**
 * The code that the workers of a pool run: {@link PoolCode} has its tools and its last change,
 * {@link ToolChanges} the difference between two lists of tools.
 *
 * @module
 */
export {
  type CodeChange,
  type CodeEvent,
  PoolCode,
  type ReloadInfo,
  type ReloadState,
  type ToolsServed,
} from "./pool_code.ts";
export { changesText, type ToolChanges } from "./tool_changes.ts";
