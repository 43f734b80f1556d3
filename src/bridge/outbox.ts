import { type Carrier, isAnswer, isCall, type OutgoingMessage } from "./carriers/mod.ts";
import { TextValue } from "./values/mod.ts";

/** The payload bytes above which a frame is closed, so that a ping never waits for a huge frame. */
const MAX_FRAME_BYTES = 1 << 20;

/**
 * Gathers messages and writes them as one frame. The carrier chooses the moment: an idle link sends
 * one message at once, a busy one hundreds in a frame. While the carrier is blocked, messages wait
 * here, already divided into frames.
 */
export class Outbox {
  readonly #carrier: Carrier;
  readonly #onUnsendable: (message: OutgoingMessage) => void;
  #pending: OutgoingMessage[] = [];
  #pendingBytes = 0;
  /**
   * True once a message may have had a buffer. Most links never carry one, and skip the check of
   * buffers.
   */
  #hadBuffers = false;
  /** Complete frames that wait for a blocked carrier, oldest first. */
  #frames: OutgoingMessage[][] = [];
  #state: "idle" | "scheduled" | "blocked" | "closed" = "idle";

  /**
   * @param onUnsendable Called with each message that is left out because its value lost a buffer
   * while it waited.
   */
  constructor(carrier: Carrier, onUnsendable: (message: OutgoingMessage) => void = () => {}) {
    this.#carrier = carrier;
    this.#onUnsendable = onUnsendable;
  }

  /**
   * Queues a message. `payloadBytes` is its approximate size; `hasBuffers` is true if it refers to
   * memory of the caller. A closed outbox drops the message.
   */
  push(message: OutgoingMessage, payloadBytes = 0, hasBuffers = false): void {
    if (this.#state === "closed") return;
    if (hasBuffers) this.#hadBuffers = true;
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

  /** Continues after the carrier was blocked. */
  drained(): void {
    if (this.#state !== "blocked") return;
    this.#state = "scheduled";
    for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
      if (!this.#send(frame)) return;
    }
    this.#flush();
  }

  /** Drops all waiting messages and all later ones. */
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

  /** Returns false if the carrier is blocked now. */
  #send(messages: OutgoingMessage[]): boolean {
    // No other code runs between this check and the copy into a frame.
    const sendable = this.#hadBuffers ? this.#withoutLost(messages) : messages;
    if (sendable.length === 0) return true;
    const taken = this.#carrier.send(sendable);
    // The write may have closed this outbox, because the stream is gone.
    if (!taken && this.#state !== "closed") this.#state = "blocked";
    return taken;
  }

  #withoutLost(messages: OutgoingMessage[]): OutgoingMessage[] {
    return messages.filter((message) => {
      const sendable = isSendable(message);
      if (!sendable) this.#onUnsendable(message);
      return sendable;
    });
  }
}

function isSendable(message: OutgoingMessage): boolean {
  const value = isCall(message)
    ? message.call.args
    : isAnswer(message)
    ? message.answer.value
    : undefined;
  return !(value instanceof TextValue) || value.isWhole;
}
