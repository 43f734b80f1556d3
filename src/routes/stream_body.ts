import type { StreamEvent } from "../pool/mod.ts";
import type { EventWriter } from "./stream_events.ts";
import type { Problem } from "./problem.ts";

/** How a {@link StreamBody} is made. */
export interface StreamBodyOptions {
  readonly events: AsyncIterable<StreamEvent>;
  readonly writer: EventWriter;
  /** Silence after which a heartbeat is sent, in milliseconds. */
  readonly heartbeatMs: number;
  /** Describes what ended the stream. */
  readonly problemOf: (error: unknown) => Problem;
  /** Cancels the call; a generator that waits can be ended no other way. */
  readonly cancel: () => void;
}

/** Characters after which a write is sent even though more events are ready. */
const MAX_WRITE_CHARS = 65_536;

/** Turns of the microtask queue that a buffered event may take to come through the generators in between. */
const READY_TURNS = 16;

type Step = IteratorResult<StreamEvent, unknown>;

/**
 * The body of a streaming answer. It pulls: an event is asked for when the connection takes more, so a slow reader slows the
 * generator in Python. Events that are ready together go into one write; the first goes at once.
 */
export class StreamBody {
  readonly #iterator: AsyncIterator<StreamEvent>;
  readonly #options: StreamBodyOptions;
  readonly #encoder = new TextEncoder();
  /** The event asked for that has not come yet. */
  #pending: Promise<Step> | undefined;
  #ended = false;

  constructor(options: StreamBodyOptions) {
    this.#options = options;
    this.#iterator = options.events[Symbol.asyncIterator]();
  }

  /**
   * Waits for the first event, at most for the time of a heartbeat, so that what fails at once can be answered with a status
   * of its own.
   *
   * @throws What the call fails with before it sends anything.
   */
  async begin(): Promise<void> {
    await this.#wait();
  }

  /** The bytes. Cancelling the stream cancels the call. */
  readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const text = await this.#nextText();
        if (text !== "") controller.enqueue(this.#encoder.encode(text));
        if (this.#ended) controller.close();
      },
      cancel: () => this.#leave(),
    }, { highWaterMark: 0 });
  }

  async #nextText(): Promise<string> {
    const { writer, problemOf } = this.#options;
    let text = "";
    try {
      if (!await this.#wait()) return writer.heartbeat();
      do text += this.#textOf(await this.#take()); while (
        !this.#ended && text.length < MAX_WRITE_CHARS && await this.#isReady()
      );
    } catch (error) {
      // The events that came before it in the same write go out all the same.
      this.#ended = true;
      text += writer.failed(problemOf(error));
    }
    return text;
  }

  #textOf(step: Step): string {
    if (!step.done) return this.#options.writer.event(step.value);
    this.#ended = true;
    return "";
  }

  #ask(): Promise<Step> {
    if (this.#pending === undefined) {
      this.#pending = this.#iterator.next();
      // Somebody may stop waiting for it; whoever takes it still sees the error.
      this.#pending.catch(() => {});
    }
    return this.#pending;
  }

  async #take(): Promise<Step> {
    const step = await this.#ask();
    this.#pending = undefined;
    return step;
  }

  /** False when nothing has come in the time of a heartbeat. */
  async #wait(): Promise<boolean> {
    const { promise: silence, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), this.#options.heartbeatMs);
    try {
      return await Promise.race([this.#ask().then(() => true), silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the next event is there already, without waiting for anything outside of this process. */
  async #isReady(): Promise<boolean> {
    let settled = false;
    const settle = (): void => void (settled = true);
    this.#ask().then(settle, settle);
    for (let turn = 0; turn < READY_TURNS && !settled; turn++) await null;
    return settled;
  }

  async #leave(): Promise<void> {
    this.#ended = true;
    this.#options.cancel();
    await this.#iterator.return?.();
  }
}
