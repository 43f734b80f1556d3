/**
 * Calls as callers make them: the options of a call and their limits ({@link checkCallOptions}), the
 * stream that hands out chunks ({@link ToolStream}), and the policies that a call passes on its way to a
 * pool (policies/).
 *
 * @module
 */
export {
  type Args,
  type CallOptions,
  checkCallOptions,
  encodeArgs,
  MAX_ID_LENGTH,
  MAX_TIMEOUT_MS,
} from "./call_options.ts";
export { attachPoliced } from "./policed_stream.ts";
export { type CallPolicy, type PolicedCall, PoolPolicies } from "./policies/mod.ts";
export { ToolStream } from "./tool_stream.ts";
