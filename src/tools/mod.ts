/**
 * The tools of all pools, and those of the host. {@link ToolRegistry} lists the tools that the
 * workers of each pool offer, and picks the pool of a call. {@link registrationMethods} let workers
 * register more. The host tools are in host/.
 *
 * @module
 */
export {
  type AnyInput,
  type CallOrigin,
  defineTool,
  type FoundHostTool,
  HOST_WORKER_ID,
  HostRun,
  HostRuns,
  HostTool,
  type HostToolCall,
  type HostToolDefinition,
  type HostToolResult,
  HostTools,
  type NestedArgs,
  type NestedCallOptions,
  type NestedCalls,
  type NestedStream,
  ORIGIN,
  type Originated,
  OVER_HTTP,
  type RegisterOptions,
  type Registration,
  type RunCaller,
  toolMethods,
  visibleTo,
} from "./host/mod.ts";
export type { ToolInfo } from "./tool_info.ts";
export {
  type LearnOptions,
  toolInfo,
  ToolRegistry,
  type ToolRegistryOptions,
  type Tools,
  type ToolsOptions,
} from "./tool_registry.ts";
export { registrationMethods } from "./registered/mod.ts";
