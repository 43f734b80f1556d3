import type { OutgoingMessage } from "./frame_writer.ts";
import type { WorkerFrame } from "../gen/link.js";

/** The largest frame that is accepted: the largest result and 16 MiB for all else. */
export const MAX_FRAME_BYTES: number = (1 << 30) + (1 << 24);

/** The events of a {@link Carrier}. */
export interface CarrierEvents {
  /** A batch of messages arrived. */
  onFrame(frame: WorkerFrame): void;
  /** The other side has taken what was written. The next frame may be sent. */
  onDrain(): void;
  /**
   * Called once, as the last event, when the stream has ended for any reason.
   *
   * @param isBreach True if the host ended the stream because it received bytes that form no frame.
   */
  onClosed(reason: string, isBreach?: boolean): void;
}

/**
 * A two-way stream of frames between the host and one worker. A new transport implements only this.
 */
export interface Carrier {
  /** The listener of the owner, who sets it before anything is delivered. */
  events: CarrierEvents | undefined;
  /** True if the stream has ended and everything sent on it has been delivered. */
  readonly readToEnd: boolean;
  /** Calls `flush` once, soon: late enough that messages sent together share a frame. */
  defer(flush: () => void): void;
  /** A count that grows with each frame received, and with each large part of a frame. */
  readonly heard: number;
  /** Writes one frame. After false, the next one must wait for {@link CarrierEvents.onDrain}. */
  send(messages: readonly OutgoingMessage[]): boolean;
  /** Ends the stream once all frames are written. */
  close(): void;
}

/** Receives the carriers of workers that connect. */
export interface Greeter {
  greet(carrier: Carrier): void;
}
