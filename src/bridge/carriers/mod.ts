/**
 * Carriers, which transport frames between the host and a worker. carrier.ts has the contract of a
 * {@link Carrier}. frame_writer.ts encodes the frames for all carriers. Each kind has a folder:
 * socket/, the default, and grpc/. A new carrier is a folder and an entry in {@link CARRIERS}.
 *
 * @module
 */
export type { Carrier, CarrierEvents, Greeter } from "./carrier.ts";
export {
  isAnswer,
  isCall,
  type OutgoingAnswer,
  type OutgoingCall,
  type OutgoingMessage,
} from "./frame_writer.ts";
export { type CarrierKind, CARRIERS } from "./kinds.ts";
