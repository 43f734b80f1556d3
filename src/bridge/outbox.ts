import type { Carrier } from "./carrier.ts";
import type { OutgoingMessage } from "./frame_writer.ts";

/** Payload bytes after which a frame is cut, so that a ping never waits behind a very large frame. */
const MAX_FRAME_BYTES = 1 << 20;

/**
 * Gathers messages and writes them as one frame a moment later, which the carrier chooses: an idle link sends one message
 * at once, a busy one hundreds in a frame. While the carrier is slow everything waits here, cut into frames.
 */
export class Outbox {
  readonly #carrier: Carrier;
  #pending: OutgoingMessage[] = [];
  #pendingBytes = 0;
  /** Whole frames that wait for a slow carrier, oldest first. */
  #frames: OutgoingMessage[][] = [];
  #state: "idle" | "scheduled" | "blocked" | "closed" = "idle";

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** Queues a message. `payloadBytes` is its approximate size. A closed outbox drops it. */
  push(message: OutgoingMessage, payloadBytes = 0): void {
    if (this.#state === "closed") return;
    this.#pending.push(message);
    this.#pendingBytes += payloadBytes;
    if (this.#state === "idle") {
      this.#state = "scheduled";
      this.#carrier.defer(this.#flush);
    } else if (this.#pendingBytes >= MAX_FRAME_BYTES) {
      if (this.#state === "scheduled") this.#write();
      else this.#frames.push(this.#cut());
    }
  }

  /** The carrier takes frames again. */
  drained(): void {
    if (this.#state !== "blocked") return;
    this.#state = "scheduled";
    for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
      if (!this.#send(frame)) return;
    }
    this.#flush();
  }

  /** Drops what waits and everything that comes. */
  close(): void {
    this.#state = "closed";
    this.#pending = [];
    this.#frames = [];
  }

  readonly #flush = (): void => {
    if (this.#state !== "scheduled") return;
    this.#state = "idle";
    if (this.#pending.length > 0) this.#write();
  };

  #write(): void {
    this.#send(this.#cut());
  }

  #cut(): OutgoingMessage[] {
    const messages = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    return messages;
  }

  /** False when the carrier is slow. */
  #send(messages: OutgoingMessage[]): boolean {
    const taken = this.#carrier.send(messages);
    // Writing may have found out that the stream is gone.
    if (!taken && this.#state !== "closed") this.#state = "blocked";
    return taken;
  }
}
