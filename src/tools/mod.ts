/**
 * The tools of all pools. {@link ToolRegistry} lists the tools that the workers of each pool offer,
 * and picks the pool of a call.
 *
 * @module
 */
export {
  type ToolInfo,
  toolInfo,
  ToolRegistry,
  type ToolRegistryOptions,
  type Tools,
} from "./tool_registry.ts";
