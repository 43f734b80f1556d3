import { type Reader, slicesOf, type TimeLimit } from "../../http/mod.ts";
import type { KeptStream, StreamReader } from "./kept_stream.ts";

/** Options of a {@link KeptBody}. */
export interface KeptBodyOptions {
  readonly stream: KeptStream;
  /** The time within which a reader must read something. */
  readonly time: TimeLimit;
  /** The time without an event after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** Called when the body has ended, in whatever way. */
  readonly onEnd: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": heartbeat\n\n");

/**
 * The body of one of the responses that a {@link KeptStream} is read by. When its reader leaves,
 * the stream stays.
 */
export class KeptBody implements Reader, StreamReader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #options: KeptBodyOptions;
  #slices: Iterator<Bytes, undefined>;
  #isOver = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(options: KeptBodyOptions) {
    this.#options = options;
    // The client knows the id of its stream from the first byte on, so that it never repeats the
    // call, also if the first event does not reach it.
    this.#slices = slicesOf([]);
  }

  /** The bytes, which begin with the id of the event after which they come. */
  readable(after: number): ReadableStream<Bytes> {
    this.#slices = slicesOf([encoder.encode(`id: ${this.#options.stream.id}:${after}\n\n`)]);
    return new ReadableStream(this, { highWaterMark: 0 });
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { stream, time, heartbeatMs } = this.#options;
    // While the tool is silent nobody can read anything.
    time.end(this);
    let { value } = this.#slices.next();
    if (value === undefined) {
      const read = await stream.read(this, heartbeatMs);
      if (this.#isOver) return;
      if (read === undefined) {
        this.leave();
        return controller.close();
      }
      this.#slices = slicesOf(read === "silent" ? [HEARTBEAT] : read);
      ({ value } = this.#slices.next());
    }
    if (value === undefined) return;
    time.begin(this);
    controller.enqueue(value);
  }

  /** Handles a reader that left. */
  cancel(): void {
    this.leave();
  }

  /** Ends the body; the stream waits for another reader. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.time.end(this);
    this.#options.stream.detach(this);
    this.#options.onEnd();
  }

  onReplaced(retryMs: number): void {
    if (this.#isOver) return;
    // In the middle of an event, the line would become a part of its data.
    const { done } = this.#slices.next();
    if (done) this.#controller?.enqueue(encoder.encode(`retry: ${Math.floor(retryMs)}\n\n`));
    this.onGone();
  }

  onGone(): void {
    if (this.#isOver) return;
    this.leave();
    this.#controller?.close();
  }

  /** Disconnects a reader that has read nothing for too long. */
  onLate(): void {
    this.leave();
    this.#controller?.error(new Error("Nobody reads the stream"));
  }
}
