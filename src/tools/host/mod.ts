/**
 * Host tools: tools in TypeScript that run in the host, for tools in Python, for programs and for
 * HTTP. {@link defineTool} checks a definition, and {@link HostTools} holds those that are
 * registered. Their runs are in runs/, and {@link toolMethods} answers the asks of tools in Python.
 *
 * @module
 */
export {
  type AnyInput,
  defineTool,
  type HostToolDefinition,
  type HostToolResult,
} from "./definition.ts";
export { HostTool } from "./host_tool.ts";
export type {
  HostToolCall,
  NestedArgs,
  NestedCallOptions,
  NestedStream,
} from "./host_tool_call.ts";
export {
  type CallOrigin,
  HOST_WORKER_ID,
  ORIGIN,
  type Originated,
  OVER_HTTP,
  visibleTo,
} from "./origin.ts";
export {
  type FoundHostTool,
  HostTools,
  type HostToolsDeps,
  type RegisterOptions,
  type Registration,
  type Visible,
} from "./host_tools.ts";
export { HostRun, HostRuns, type NestedCalls, type RunCaller } from "./runs/mod.ts";
export { toolMethods } from "./tool_methods.ts";
