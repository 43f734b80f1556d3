import { SnakedenError } from "../../../errors.ts";
import type { UnreadAnswers } from "../../http/mod.ts";
import type { EventFeed } from "./event_feed.ts";
import { KeptStream, type StreamKeeper } from "./kept_stream.ts";

/** Limits on streams that outlive their connections. */
export interface KeepLimits {
  /** The time for which a stream waits for its reader; 0 to keep no stream. */
  readonly streamResumeMs: number;
  /** The bytes of its last events that each stream keeps. */
  readonly streamReplayBytes: number;
  readonly maxUnreadBytes: number;
  readonly maxResultBytes: number;
}

/** The memory of a stream besides its events. */
const STREAM_BYTES = 4_096;

/**
 * The streams that outlive their connections, by id. What they keep counts among the responses that
 * wait for their readers, and is at most half of what those may take.
 */
export class KeptStreams implements StreamKeeper, Disposable {
  readonly replayBytes: number;
  readonly resumeMs: number;
  readonly #answers: UnreadAnswers;
  readonly #maxBytes: number;
  readonly #streams = new Map<string, KeptStream>();
  #bytes = 0;

  constructor(limits: KeepLimits, answers: UnreadAnswers) {
    this.resumeMs = limits.streamResumeMs;
    this.replayBytes = limits.streamReplayBytes;
    this.#maxBytes = Math.max(limits.maxUnreadBytes, limits.maxResultBytes) / 2;
    this.#answers = answers;
  }

  /** True if streams are kept. */
  get isOn(): boolean {
    return this.resumeMs > 0;
  }

  /** The number of streams that are kept. */
  get size(): number {
    return this.#streams.size;
  }

  /** The bytes that they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reserves room for a stream that is about to begin; throws `server_busy`. */
  reserve(): Disposable {
    return this.hold(STREAM_BYTES);
  }

  /** Keeps a stream, whose first event has come. */
  add(feed: EventFeed, { id, owner, room }: {
    readonly id: string;
    readonly owner: string;
    readonly room: Disposable;
  }): KeptStream {
    const stream = new KeptStream({ id, owner, feed, keeper: this, room });
    this.#streams.set(id, stream);
    return stream;
  }

  /** Returns the stream of a client; undefined if it has no such stream. */
  find(id: string, owner: string): KeptStream | undefined {
    const stream = this.#streams.get(id);
    return stream?.owner === owner ? stream : undefined;
  }

  hold(bytes: number): Disposable {
    for (const stream of this.#streams.values()) {
      if (this.#bytes + bytes <= this.#maxBytes) break;
      stream.shrink();
    }
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      throw new SnakedenError(
        "server_busy",
        `Cannot keep ${bytes} bytes of a stream: streams that can be resumed keep ` +
          `${this.#bytes} bytes; ${this.#maxBytes} are allowed (half of limits.maxUnreadBytes)`,
        { retryable: true, details: { maxBytes: this.#maxBytes } },
      );
    }
    const held = this.#answers.hold(bytes);
    this.#bytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#bytes -= bytes;
        held[Symbol.dispose]();
      },
    };
  }

  gone({ id }: KeptStream): void {
    this.#streams.delete(id);
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    for (const stream of [...this.#streams.values()]) stream.end();
  }
}
