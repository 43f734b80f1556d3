/**
 * Which tools there are and where. {@link ToolRegistry} reads what the workers of each pool offer and picks the pool for a
 * call.
 *
 * @module
 */
export { type ToolInfo, ToolRegistry, type Tools } from "./tool_registry.ts";
