import { lengthOf } from "../../http/mod.ts";
import type { EventFeed, Piece } from "./event_feed.ts";
import { ReplayBuffer } from "./replay_buffer.ts";

/** The limits and the notices that a stream shares with those that keep it. */
export interface StreamKeeper {
  /** The most bytes that a stream keeps while nobody waits for more. */
  readonly replayBytes: number;
  /** The time for which a stream waits for a reader, and for which its end is kept. */
  readonly resumeMs: number;
  /** Reserves room; throws `server_busy` if there is none. */
  hold(bytes: number): Disposable;
  /** Called when nobody can read the stream any more. */
  gone(stream: KeptStream): void;
}

/** Options of a {@link KeptStream}. */
export interface KeptStreamOptions {
  /** An id that cannot be guessed. */
  readonly id: string;
  /** The client that the stream belongs to: a digest of its API key. */
  readonly owner: string;
  readonly feed: EventFeed;
  readonly keeper: StreamKeeper;
  /** Room for the stream itself. */
  readonly room: Disposable;
}

/** The one that reads a stream at the moment. */
export interface StreamReader {
  /** Called when another reader has taken over. It had better not come back before `retryMs`. */
  onReplaced(retryMs: number): void;
  /** Called when the stream is gone. */
  onGone(): void;
}

/** The bytes that may be ready for a reader that is slow; more is not asked of the tool. */
const AHEAD_BYTES = 65_536;
/**
 * The longest pause of a reader that was replaced. Two that come back at once, as every
 * `EventSource` does, would take the stream from each other without an end.
 */
const MAX_RETRY_MS = 15_000;
/** The memory of an entry besides its bytes. */
const ENTRY_BYTES = 256;

const encoder = new TextEncoder();

/**
 * A stream that outlives its connection. It takes events from its feed, keeps the last ones, and
 * gives them to one reader at a time.
 *
 * `read` <-> `waiting`: a reader takes over by its last event, and leaves when its connection ends.
 * While nobody reads, the call goes on until the buffer is full of what was kept and what came.
 * `waiting` -> `gone` after `resumeMs`, counted again from the end of the call; both -> `gone` when
 * the client cancels it, or the keeper closes. What was not sent yet is never dropped before that.
 */
export class KeptStream {
  readonly id: string;
  readonly owner: string;
  readonly #feed: EventFeed;
  readonly #keeper: StreamKeeper;
  readonly #room: Disposable;
  readonly #buffer = new ReplayBuffer();
  #reader: StreamReader | undefined;
  /** The last event that was given to a reader. */
  #given = 0;
  /** The last event that a reader has passed on. */
  #passed = 0;
  #isOver = false;
  #isGone = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Wakes the reader and the pump. */
  #changed = Promise.withResolvers<void>();

  constructor({ id, owner, feed, keeper, room }: KeptStreamOptions) {
    this.id = id;
    this.owner = owner;
    this.#feed = feed;
    this.#keeper = keeper;
    this.#room = room;
  }

  /** True once the call has ended and its end was given to a reader. */
  get isDelivered(): boolean {
    return this.#isOver && this.#passed >= this.#buffer.lastId;
  }

  /** Begins to take events. */
  start(): void {
    void this.#pump();
  }

  /** Returns true if all events after `id` are kept, and there is such an event. */
  reaches(id: number): boolean {
    return !this.#isGone && this.#buffer.reaches(id);
  }

  /** Returns true if the event `id` is the last one of a call that has ended. */
  isOverAt(id: number): boolean {
    return this.#isOver && id === this.#buffer.lastId;
  }

  /**
   * Makes `reader` the one that reads, after the event `id`, in place of another one. The stream
   * must reach it.
   */
  attach(reader: StreamReader, id: number): void {
    clearTimeout(this.#timer);
    const before = this.#reader;
    this.#reader = reader;
    // The client has them.
    this.#buffer.trim(-1, id);
    this.#given = this.#passed = id;
    this.#wake();
    before?.onReplaced(Math.min(MAX_RETRY_MS, this.#keeper.resumeMs / 2));
  }

  /** Notes that a reader has left, or has read everything. */
  detach(reader: StreamReader): void {
    if (reader !== this.#reader) return;
    this.#reader = undefined;
    this.#wait();
    this.#wake();
  }

  /**
   * Returns the next bytes for a reader, which has passed on what it was given before: undefined at
   * the end, or when it is not the reader any more; `silent` if nothing comes within `ms`.
   */
  async read(
    reader: StreamReader,
    ms: number,
  ): Promise<readonly Uint8Array[] | "silent" | undefined> {
    if (reader !== this.#reader) return undefined;
    this.#passed = this.#given;
    this.#buffer.trim(this.#keeper.replayBytes, this.#passed);
    this.#wake();
    let next = this.#buffer.after(this.#given);
    if (next === undefined && !this.#isOver) {
      await this.#waitForChange(ms, () => this.#buffer.lastId > this.#given || this.#isOver);
      if (reader !== this.#reader) return undefined;
      next = this.#buffer.after(this.#given);
      if (next === undefined && !this.#isOver) return "silent";
    }
    if (next === undefined) return undefined;
    this.#given = next.lastId;
    return next.parts;
  }

  /** Drops events that were sent, or the whole stream if its end was sent, to make room. */
  shrink(): void {
    if (this.isDelivered && this.#reader === undefined) this.end();
    else this.#buffer.trim(0, this.#passed);
  }

  /** Cancels the call unless it has ended, and forgets the stream. */
  end(): void {
    if (this.#isGone) return;
    this.#isGone = this.#isOver = true;
    clearTimeout(this.#timer);
    this.#feed.end();
    this.#buffer.clear();
    this.#room[Symbol.dispose]();
    const reader = this.#reader;
    this.#reader = undefined;
    this.#keeper.gone(this);
    this.#wake();
    reader?.onGone();
  }

  /** Takes events from the feed while there is room for them. */
  async #pump(): Promise<void> {
    while (!this.#feed.ended) {
      if (!this.#hasRoom()) {
        await this.#changed.promise;
        continue;
      }
      const { position } = this.#feed;
      const pieces = await this.#feed.next();
      if (this.#isGone) return;
      try {
        this.#push(pieces);
      } catch (error) {
        // Pieces that found room are kept, so the error follows them.
        const events = this.#buffer.lastId;
        const chunks = position.chunks + Math.max(0, events - position.events);
        const text = encoder.encode(this.#feed.fail(error, { events, chunks }));
        this.#add([text], [text.byteLength], { [Symbol.dispose]: () => {} });
      }
      this.#wake();
    }
    if (this.#isGone) return;
    this.#isOver = true;
    if (this.#reader === undefined) this.#wait();
    this.#wake();
  }

  #hasRoom(): boolean {
    const { replayBytes } = this.#keeper;
    if (this.#reader === undefined) return this.#buffer.bytes < replayBytes;
    return this.#buffer.bytesAfter(this.#given) < Math.min(AHEAD_BYTES, replayBytes);
  }

  /** Keeps pieces: texts that follow each other in one entry, large events in one each. */
  #push(pieces: readonly Piece[]): void {
    let texts: Uint8Array[] = [];
    const flush = (): void => {
      if (texts.length === 0) return;
      const bytes = new Uint8Array(lengthOf(texts));
      const ends: number[] = [];
      let at = 0;
      for (const text of texts) {
        bytes.set(text, at);
        ends.push(at += text.byteLength);
      }
      texts = [];
      this.#add([bytes], ends, this.#keeper.hold(bytes.byteLength + ENTRY_BYTES));
    };
    for (const piece of pieces) {
      if (typeof piece === "string") texts.push(encoder.encode(piece));
      else {
        flush();
        const bytes = lengthOf(piece);
        this.#add(piece, [bytes], this.#keeper.hold(bytes + ENTRY_BYTES));
      }
    }
    flush();
  }

  #add(parts: readonly Uint8Array[], ends: readonly number[], room: Disposable): void {
    this.#buffer.push({ firstId: this.#buffer.lastId + 1, ends, parts, room });
  }

  /** Gives a reader time to come. */
  #wait(): void {
    clearTimeout(this.#timer);
    if (!this.#isGone) this.#timer = setTimeout(() => this.end(), this.#keeper.resumeMs);
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #waitForChange(ms: number, isDone: () => boolean): Promise<void> {
    const { promise: silence, resolve } = Promise.withResolvers<void>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      resolve();
    }, ms);
    try {
      const reader = this.#reader;
      while (!isDone() && !isLate && reader === this.#reader) {
        await Promise.race([this.#changed.promise, silence]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
