import { lengthOf, type Reader, slicesOf, type UnreadAnswers } from "../../http/mod.ts";
import type { EventFeed, Piece } from "./event_feed.ts";

/** Options of a {@link StreamBody}. */
export interface StreamBodyOptions {
  readonly feed: EventFeed;
  readonly answers: UnreadAnswers;
  /** The time without an event after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  readonly heartbeat: () => string;
  /** Called when the stream has ended by itself. */
  readonly onEnd: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/**
 * The body of a streaming response. It requests an event only when the connection accepts more, so
 * a slow reader slows the generator in Python. Events that are ready together share one write; the
 * first event is written at once.
 */
export class StreamBody implements Reader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #options: StreamBodyOptions;
  /** The bytes that are written and not yet read. */
  #slices: Iterator<Bytes, undefined> = slicesOf([]);
  /** True once the reader has left. */
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(options: StreamBodyOptions) {
    this.#options = options;
  }

  /** The bytes. Cancelling the stream cancels the call. */
  readable(): ReadableStream<Bytes> {
    return new ReadableStream(this, { highWaterMark: 0 });
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { answers, feed, onEnd } = this.#options;
    // While the tool is silent nobody can read anything.
    answers.time.end(this);
    let { value } = this.#slices.next();
    if (value === undefined && !feed.ended) {
      await this.#fill();
      ({ value } = this.#slices.next());
    }
    if (this.#left) return;
    if (value !== undefined) {
      answers.take(this, value.byteLength);
      controller.enqueue(value);
    }
    if (value === undefined || (feed.ended && this.unreadBytes === 0)) {
      answers.end(this);
      onEnd();
      controller.close();
    }
  }

  /** Handles a reader that left. */
  cancel(): void {
    this.#left = true;
    this.#slices = slicesOf([]);
    this.#options.answers.end(this);
    this.#options.feed.end();
  }

  /** Disconnects a reader that has read nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the stream"));
    this.cancel();
  }

  /** Writes the next events, or a problem if there is no room for them. */
  async #fill(): Promise<void> {
    const { answers, feed, heartbeat, heartbeatMs } = this.#options;
    const { position } = feed;
    const hasEvent = await feed.isReadyWithin(heartbeatMs);
    let parts = bytesOf(hasEvent ? await feed.next() : [heartbeat()]);
    if (this.#left) return;
    try {
      answers.add(this, lengthOf(parts));
    } catch (error) {
      parts = bytesOf([feed.fail(error, position)]);
    }
    this.#slices = slicesOf(parts);
  }
}

/** Returns the bytes of pieces. A large one has its own writes, so that it delays no other. */
function bytesOf(pieces: readonly Piece[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") text += piece;
    else {
      parts.push(encoder.encode(text), ...piece);
      text = "";
    }
  }
  parts.push(encoder.encode(text));
  return parts.filter((it) => it.byteLength > 0);
}
