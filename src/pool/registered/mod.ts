/**
 * The tools that workers have registered while they run. {@link RegisteredTools} keeps those of a
 * pool, and binds each call of one to the worker that has its function.
 *
 * @module
 */
export {
  type LifeOfSession,
  type RegisteredTool,
  RegisteredTools,
  type ToolMemory,
} from "./registered_tools.ts";
