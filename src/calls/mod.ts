/**
 * Calls as callers make them: the way of a call to its pool ({@link Calls}), its options and their
 * limits ({@link checkCallOptions}), the stream that hands out chunks ({@link ToolStream}), and the
 * policies that a call passes on its way (policies/).
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
export { Calls, type CallsDeps, type PoolFinder } from "./calls.ts";
export { type PoliciesByPool, policiesByPool, warnOfUnknownTools } from "./policies/mod.ts";
export { ToolStream } from "./tool_stream.ts";
