import { Value } from "../../bridge/mod.ts";
import type { StreamEvent } from "../../pool/mod.ts";
import { lengthOf, type Problem, type Reader, slicesOf } from "../http/mod.ts";
import type { EventWriter } from "./stream_events.ts";
import type { Traffic } from "./traffic.ts";

/** Options of a {@link StreamBody}. */
export interface StreamBodyOptions {
  readonly events: AsyncIterable<StreamEvent>;
  readonly writer: EventWriter;
  readonly traffic: Pick<Traffic, "answers" | "inline" | "isLarge">;
  readonly signal: AbortSignal;
  /** The time without an event after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** Describes the error that ended the stream. */
  readonly problemOf: (error: unknown) => Problem;
  /** Cancels the call. There is no other way to end a generator that waits. */
  readonly cancel: () => void;
  /** Called when the stream has ended by itself. */
  readonly onEnd: () => void;
}

/** Characters after which a write is sent even though more events are ready. */
const MAX_WRITE_CHARS = 65_536;

/**
 * The number of turns of the microtask queue that a buffered event may need to pass through the
 * generators.
 */
const READY_TURNS = 16;

/** A placeholder for a large value while the text around it is written. */
const MARK_TEXT = JSON.stringify("\u0000large");
const MARK = Value.from("\u0000large");

type Bytes = Uint8Array<ArrayBuffer>;
type Step = IteratorResult<StreamEvent, unknown>;

/**
 * The body of a streaming response. It requests an event only when the connection accepts more, so
 * a slow reader slows the generator in Python. Events that are ready together share one write; the
 * first event is written at once.
 */
export class StreamBody implements Reader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #iterator: AsyncIterator<StreamEvent>;
  readonly #options: StreamBodyOptions;
  readonly #encoder = new TextEncoder();
  /** The event asked for that has not come yet. */
  #pending: Promise<Step> | undefined;
  /** The bytes that are written and not yet read. */
  #slices: Iterator<Bytes, undefined> = slicesOf([]);
  /** True once no more events are requested. */
  #ended = false;
  /** True once the reader has left. */
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(options: StreamBodyOptions) {
    this.#options = options;
    this.#iterator = options.events[Symbol.asyncIterator]();
  }

  /**
   * Waits for the first event, at most for the time of a heartbeat, so that an early failure can
   * have its own status.
   *
   * @throws What the call fails with before it sends anything.
   */
  async begin(): Promise<void> {
    await this.#wait();
  }

  /** The bytes. Cancelling the stream cancels the call. */
  readable(): ReadableStream<Bytes> {
    return new ReadableStream(this, { highWaterMark: 0 });
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { answers } = this.#options.traffic;
    // While the tool is silent nobody can read anything.
    answers.time.end(this);
    let { value } = this.#slices.next();
    if (value === undefined && !this.#ended) {
      await this.#fill();
      ({ value } = this.#slices.next());
    }
    if (this.#left) return;
    if (value !== undefined) {
      answers.take(this, value.byteLength);
      controller.enqueue(value);
    }
    if (value === undefined || (this.#ended && this.unreadBytes === 0)) {
      answers.end(this);
      this.#options.onEnd();
      controller.close();
    }
  }

  /** Handles a reader that left. */
  async cancel(): Promise<void> {
    this.#left = true;
    this.#slices = slicesOf([]);
    this.#options.traffic.answers.end(this);
    this.#end();
    await this.#iterator.return?.();
  }

  /** Disconnects a reader that has read nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the stream"));
    void this.cancel().catch(() => {});
  }

  /** Ends the stream after what is written already; cancels the call unless it has ended. */
  #end(): void {
    this.#ended = true;
    this.#options.cancel();
    void this.#iterator.return?.().catch(() => {});
  }

  /** Writes the next events, or a problem if there is no room for them. */
  async #fill(): Promise<void> {
    const { traffic: { answers }, writer, problemOf } = this.#options;
    let parts = await this.#nextParts();
    if (this.#left) return;
    try {
      answers.add(this, lengthOf(parts));
    } catch (error) {
      this.#end();
      parts = [this.#encoder.encode(writer.failed(problemOf(error)))];
    }
    this.#slices = slicesOf(parts);
  }

  async #nextParts(): Promise<Uint8Array[]> {
    const { traffic, writer, problemOf } = this.#options;
    const large: Uint8Array[] = [];
    let text = "";
    try {
      if (!await this.#wait()) text = writer.heartbeat();
      else {
        do {
          const { value: event, done } = await this.#take();
          if (done) this.#ended = true;
          else if (traffic.isLarge(event.value)) {
            // This event gets its own write, so that earlier events are not delayed.
            large.push(this.#encoder.encode(text));
            text = "";
            large.push(...await this.#largeParts(event));
            break;
          } else text += writer.event(event);
        } while (!this.#ended && text.length < MAX_WRITE_CHARS && await this.#isReady());
      }
    } catch (error) {
      // Earlier events in the same write are sent all the same.
      this.#end();
      text += writer.failed(problemOf(error));
    }
    large.push(this.#encoder.encode(text));
    return large.filter((it) => it.byteLength > 0);
  }

  /** Returns the event with the bytes that Python wrote, which this thread never decodes. */
  async #largeParts(event: StreamEvent): Promise<Uint8Array[]> {
    const { traffic, signal, writer } = this.#options;
    const { json } = (await traffic.inline(event.value, signal)).wire;
    const [before = "", after = ""] = writer.event({ ...event, value: MARK }).split(MARK_TEXT);
    return [this.#encoder.encode(before), onOneLine(json), this.#encoder.encode(after)];
  }

  #ask(): Promise<Step> {
    if (this.#pending === undefined) {
      this.#pending = this.#iterator.next();
      // A waiter may give up before it rejects. Whoever takes it still gets the error.
      this.#pending.catch(() => {});
    }
    return this.#pending;
  }

  async #take(): Promise<Step> {
    const step = await this.#ask();
    this.#pending = undefined;
    return step;
  }

  /** Waits for an event; returns false if none has come in the time of a heartbeat. */
  async #wait(): Promise<boolean> {
    const { promise: silence, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), this.#options.heartbeatMs);
    try {
      return await Promise.race([this.#ask().then(() => true), silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Returns true if the next event is ready, without waiting for anything outside of this process.
   */
  async #isReady(): Promise<boolean> {
    let settled = false;
    const settle = (): void => void (settled = true);
    this.#ask().then(settle, settle);
    for (let turn = 0; turn < READY_TURNS && !settled; turn++) await null;
    return settled;
  }
}

/**
 * Replaces line breaks in JSON, which would end the event. They can only stand between tokens,
 * since strings escape theirs.
 */
function onOneLine(json: Uint8Array): Uint8Array {
  const isOne = !json.includes(0x0a) && !json.includes(0x0d);
  return isOne ? json : json.map((byte) => byte === 0x0a || byte === 0x0d ? 0x20 : byte);
}
