import type { OutgoingMessage } from "./frame_writer.ts";
import type { WorkerFrame } from "../gen/link.js";

/** More than any frame of this version: the largest result and 16 MiB. */
export const MAX_FRAME_BYTES: number = (1 << 30) + (1 << 24);

/** Events that the owner of a {@link Carrier} is notified of. */
export interface CarrierEvents {
  /** A batch of messages arrived. */
  onFrame(frame: WorkerFrame): void;
  /** The other side took what was written: writing is welcome again. */
  onDrain(): void;
  /**
   * The stream ended, for whatever reason; called once, nothing follows it.
   *
   * @param isBreach True when the host ended it because what came was no frame.
   */
  onClosed(reason: string, isBreach?: boolean): void;
}

/**
 * A two-way stream of frames between the host and one worker. gRPC is one; another needs only this.
 */
export interface Carrier {
  /** Set by the owner before anything is delivered. */
  events: CarrierEvents | undefined;
  /** True when the stream has ended and everything that was said on it has been delivered. */
  readonly readToEnd: boolean;
  /** Calls `flush` once, soon, when what came until then is worth a frame. */
  defer(flush: () => void): void;
  /** Grows whenever a frame comes, or a good part of a large one. */
  readonly heard: number;
  /** Writes one frame. False when the other side is slow: wait for onDrain before the next. */
  send(messages: readonly OutgoingMessage[]): boolean;
  /** Ends the stream after what was written. */
  close(): void;
}

/** Receives the carriers of workers that connect. */
export interface Greeter {
  greet(carrier: Carrier): void;
}
