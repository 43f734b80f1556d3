/**
 * The link between the host and its workers. A worker dials the {@link BridgeServer} and says hello with its token; from
 * then on it is a {@link Link}, which numbers calls and routes answers. Frames are batches ({@link Outbox}), values stay
 * encoded until somebody needs them ({@link Value}), and the carrier underneath is exchangeable ({@link Carrier}).
 * The kinds of carriers are in carriers/, `gen/` is made from proto/ by `deno task gen`.
 *
 * @module
 */
export type { Carrier, CarrierEvents, CarrierKind } from "./carriers/mod.ts";
export type { Error as WireError, Log, Ready, Tool, WelcomeInit } from "./gen/link.js";
export { type BridgeOptions, BridgeServer } from "./bridge_server.ts";
export { type CallListener, Link, type LinkEvents, type OutgoingCall } from "./link.ts";
export {
  type ArrayData,
  type DType,
  isUnserializable,
  NdArray,
  type Unserializable,
  Value,
  type WriteOptions,
} from "./values/mod.ts";
export { type Invitation, PROTOCOL_VERSION } from "./reception.ts";
export { Slab } from "./shared_memory/mod.ts";
