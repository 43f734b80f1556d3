/**
 * Host tools: tools in TypeScript that run in the host, for tools in Python, for programs and for
 * HTTP. {@link defineTool} checks a definition, and {@link HostTools} holds those that are
 * registered.
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
export { type CallOrigin, ORIGIN, type Originated, OVER_HTTP, visibleTo } from "./origin.ts";
export {
  type FoundHostTool,
  HostTools,
  type HostToolsDeps,
  type RegisterOptions,
  type Registration,
  type Visible,
} from "./host_tools.ts";
