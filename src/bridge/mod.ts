/**
 * The link between the host and its workers. A worker connects to the {@link BridgeServer} and
 * sends a hello with its token. From then on its connection is a {@link Link}, which numbers calls
 * and routes answers. Messages are sent in batches ({@link Outbox}), and values stay encoded until
 * they are needed ({@link Value}). carriers/ has the transports of a link; `deno task gen`
 * generates gen/ from proto/.
 *
 * @module
 */
export type { Carrier, CarrierEvents, CarrierKind } from "./carriers/mod.ts";
export type { Error as WireError, Log, Ready, Tool, WelcomeInit } from "./gen/link.js";
export { BridgeServer } from "./bridge_server.ts";
export type { BlockedTool } from "./blocked_tools.ts";
export { Link } from "./link.ts";
export type { CallListener, LinkEvents } from "./link_events.ts";
export type { Ask, AskListener } from "./open_asks.ts";
export type { OutgoingBulk, OutgoingCall } from "./outgoing_call.ts";
export {
  type ArrayData,
  byteLengthOf,
  type DType,
  FILE_KEY,
  type FilePlace,
  findFiles,
  FRAME_HEAD_BYTES,
  frameBytes,
  type FrameLayout,
  frameLayout,
  type FramePart,
  type HeldFiles,
  type InputCollector,
  type InputSource,
  isDType,
  isLargeFrame,
  isShape,
  isUnserializable,
  ItemList,
  LargeFrames,
  LineList,
  MAX_LIST_ITEMS,
  mayNameFiles,
  NamedFiles,
  NdArray,
  type RawBytes,
  readFrame,
  TextValue,
  type Unserializable,
  Value,
  ValueList,
  writeFrame,
  type WriteOptions,
} from "./values/mod.ts";
export { PROTOCOL_VERSION } from "./reception.ts";
export { Slab } from "./shared_memory/mod.ts";
