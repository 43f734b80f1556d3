/**
 * Code from JSON Schemas, as pure functions from descriptions of tools to text. {@link toolTypes}
 * writes TypeScript for all tools (tool_types.ts, from the types of type_text.ts and the shared
 * classes of definitions.ts). {@link hostToolStubs} writes Python for the host tools.
 *
 * @module
 */
export { hostToolStubs } from "./host_tool_stubs.ts";
export { type DescribedTool, toolTypes } from "./tool_types.ts";
