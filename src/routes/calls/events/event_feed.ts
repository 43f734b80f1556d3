import { Value } from "../../../bridge/mod.ts";
import type { StreamEvent } from "../../../pool/mod.ts";
import type { Problem } from "../../http/mod.ts";
import type { EventWriter, Position } from "./stream_events.ts";

/** Writes large values without blocking the event loop; see `Traffic`. */
export interface LargeValues {
  isLarge(value: Value): boolean;
  inline(value: Value, signal: AbortSignal): Promise<Value>;
}

/** Options of an {@link EventFeed}. */
export interface EventFeedOptions {
  readonly events: AsyncIterable<StreamEvent>;
  readonly writer: EventWriter;
  readonly values: LargeValues;
  readonly signal: AbortSignal;
  /** Describes the error that ended the stream. */
  readonly problemOf: (error: unknown) => Problem;
  /** Cancels the call. There is no other way to end a generator that waits. */
  readonly cancel: () => void;
}

/** One event as it is sent: its text, or the parts of a large one. */
export type Piece = string | readonly Uint8Array[];

/** Characters after which pieces are returned even though more events are ready. */
const MAX_CHARS = 65_536;

/**
 * The number of turns of the microtask queue that a buffered event may need to pass through the
 * generators.
 */
const READY_TURNS = 16;

/** A placeholder for a large value while the text around it is written. */
const MARK_TEXT = JSON.stringify("\u0000large");
const MARK = Value.from("\u0000large");

type Step = IteratorResult<StreamEvent, unknown>;

const encoder = new TextEncoder();

/**
 * The events of a call as they are sent, those together that are ready together. It asks for an
 * event only when its owner does, so an owner that waits makes the generator in Python wait.
 */
export class EventFeed {
  readonly #iterator: AsyncIterator<StreamEvent>;
  readonly #options: EventFeedOptions;
  /** The event asked for that has not come yet. */
  #pending: Promise<Step> | undefined;
  #ended = false;

  constructor(options: EventFeedOptions) {
    this.#options = options;
    this.#iterator = options.events[Symbol.asyncIterator]();
  }

  /** True once no more events are requested. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The place in the stream, before the next piece. */
  get position(): Position {
    return this.#options.writer.position;
  }

  /**
   * Waits for the first event, at most for this time, so that an early failure can have its own
   * status.
   *
   * @throws What the call fails with before it sends anything.
   */
  async begin(ms: number): Promise<void> {
    await this.#waitFor(this.#ask(), ms);
  }

  /** Waits for an event or a failure; returns false if none has come in this time. */
  async isReadyWithin(ms: number): Promise<boolean> {
    return await this.#waitFor(this.#ask().catch(() => {}), ms);
  }

  /** Returns the next events. The last piece of a call that failed says so. */
  async next(): Promise<Piece[]> {
    const { writer, values, problemOf } = this.#options;
    const pieces: Piece[] = [];
    let chars = 0;
    try {
      do {
        const { value: event, done } = await this.#take();
        if (done) this.#ended = true;
        else if (values.isLarge(event.value)) {
          pieces.push(await this.#largeParts(event));
          break;
        } else {
          const text = writer.event(event);
          chars += text.length;
          pieces.push(text);
        }
      } while (!this.#ended && chars < MAX_CHARS && await this.#isReady());
    } catch (error) {
      // It was told to end, and nobody waits for the failure.
      if (this.#ended) return pieces;
      // Earlier events are sent all the same.
      this.end();
      pieces.push(writer.failed(problemOf(error)));
    }
    return pieces;
  }

  /** Ends the stream with an error, in place of what was returned after `position`. */
  fail(error: unknown, position: Position): string {
    const { writer, problemOf } = this.#options;
    this.end();
    return writer.failed(problemOf(error), position);
  }

  /** Requests no more events; cancels the call unless it has ended. */
  end(): void {
    this.#ended = true;
    this.#options.cancel();
    void this.#iterator.return?.().catch(() => {});
  }

  /** Returns the event with the bytes that Python wrote, which this thread never decodes. */
  async #largeParts(event: StreamEvent): Promise<readonly Uint8Array[]> {
    const { values, signal, writer } = this.#options;
    const { json } = (await values.inline(event.value, signal)).wire;
    const [before = "", after = ""] = writer.event({ ...event, value: MARK }).split(MARK_TEXT);
    return [encoder.encode(before), onOneLine(json), encoder.encode(after)];
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

  async #waitFor(event: Promise<unknown>, ms: number): Promise<boolean> {
    const { promise: silence, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(() => resolve(false), ms);
    try {
      return await Promise.race([event.then(() => true), silence]);
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
export function onOneLine(json: Uint8Array): Uint8Array {
  const isOne = !json.includes(0x0a) && !json.includes(0x0d);
  return isOne ? json : json.map((byte) => byte === 0x0a || byte === 0x0d ? 0x20 : byte);
}
