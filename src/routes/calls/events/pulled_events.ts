import { SnakedenError } from "../../../errors.ts";
import { getLogger } from "../../../log.ts";
import { slicesOf, type TimeLimit, type Wait } from "../../http/mod.ts";

/** Options of {@link PulledEvents}. */
export interface PulledEventsOptions<T> {
  /** The subject of the events, for the log, such as `a session`. */
  readonly of: string;
  /** Returns an event as it is sent, in parts if it is large. */
  readonly textOf: (event: T) => Piece | Promise<Piece>;
  /** The text before the first event. */
  readonly greeting?: string;
  /** The text after the last event. */
  readonly farewell?: string;
  readonly heartbeatMs: number;
  /** The time within which a reader must take what was sent. */
  readonly time: TimeLimit;
  /** Aborts when the API key of the reader is removed. */
  readonly removal?: AbortSignal | undefined;
  /** Ends the wait for an event. Called when the reader has left. */
  readonly leave?: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Piece = string | readonly Uint8Array[];

/** The headers of Server-Sent Events. */
export const EVENT_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
} as const;

/**
 * Server-Sent Events that can be read again. It asks for an event only when the connection takes
 * more, so it never holds more than one; whoever yields them keeps the others, or drops them.
 */
export class PulledEvents<T> implements UnderlyingDefaultSource<Bytes>, Wait {
  since = 0;
  readonly #events: AsyncIterator<T>;
  readonly #options: PulledEventsOptions<T>;
  readonly #encoder = new TextEncoder();
  /** The text to send before the first event. */
  #greeting: string | undefined;
  /** The event that was asked for and has not come. */
  #pending: Promise<IteratorResult<T, unknown>> | undefined;
  /** True once the last event was sent. */
  #ended = false;
  /** True once the reader has left. */
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(events: AsyncIterator<T>, options: PulledEventsOptions<T>) {
    this.#events = events;
    this.#options = options;
    this.#greeting = options.greeting;
    options.removal?.addEventListener("abort", this.#onRemoval);
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { time, of } = this.#options;
    // While nothing happens nobody can read anything.
    time.end(this);
    let piece: Piece | undefined;
    try {
      piece = await this.#nextPiece();
    } catch (error) {
      // Whatever the reason is, the client reconnects and learns it then.
      if (!(error instanceof SnakedenError) && !this.#left) {
        getLogger("http").error("the events of {of} broke off", { of, error });
      }
    }
    if (this.#left) return;
    if (piece === undefined) {
      this.#forgetKey();
      return controller.close();
    }
    const parts = typeof piece === "string" ? [this.#encoder.encode(piece)] : piece;
    for (const slice of slicesOf(parts)) controller.enqueue(slice);
    time.begin(this);
  }

  async cancel(): Promise<void> {
    this.#left = true;
    this.#forgetKey();
    this.#options.time.end(this);
    this.#options.leave?.();
    await this.#events.return?.();
  }

  /** Disconnects a reader that has taken nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the events"));
    void this.cancel().catch(() => {});
  }

  /** The API key of the reader is no longer valid. */
  readonly #onRemoval = (): void => {
    if (!this.#left) this.#controller?.close();
    void this.cancel().catch(() => {});
  };

  #forgetKey(): void {
    this.#options.removal?.removeEventListener("abort", this.#onRemoval);
  }

  /** Returns the text to send next; undefined if there is no more. */
  async #nextPiece(): Promise<Piece | undefined> {
    const greeting = this.#greeting;
    this.#greeting = undefined;
    if (greeting !== undefined) return greeting;
    if (this.#ended) return undefined;
    const step = await this.#next();
    if (step === undefined) return ": heartbeat\n\n";
    if (!step.done) return await this.#options.textOf(step.value);
    this.#ended = true;
    return this.#options.farewell;
  }

  /** Returns the next event; undefined if none has come in the time of a heartbeat. */
  async #next(): Promise<IteratorResult<T, unknown> | undefined> {
    if (this.#pending === undefined) {
      this.#pending = this.#events.next();
      // Whoever takes it still gets the error.
      this.#pending.catch(() => {});
    }
    const { promise: silence, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#options.heartbeatMs);
    try {
      const step = await Promise.race([this.#pending, silence]);
      if (step !== undefined) this.#pending = undefined;
      return step;
    } catch (error) {
      this.#pending = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
