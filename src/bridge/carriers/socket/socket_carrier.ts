import { setImmediate } from "node:timers";
import { Reader } from "protobufjs/minimal.js";
import { messageOf } from "../../../errors.ts";
import { type Carrier, type CarrierEvents, MAX_FRAME_BYTES } from "../carrier.ts";
import { FrameWriter, HEADER_BYTES, type OutgoingMessage } from "../frame_writer.ts";
import { snakeden, type WorkerFrame } from "../../gen/link.js";

const { WorkerFrame: workerFrame } = snakeden.v1;

/** A link that has written nothing for this long sends its next frame without gathering. */
const QUIET_MS = 1;
/**
 * The size of a block, into which one or more reads go. Small frames share a block. Decoded values
 * refer to its memory, so no part of it is written twice.
 */
const BLOCK_BYTES = 1 << 16;
/** The least room in a block for which a read is worthwhile. */
const MIN_ROOM_BYTES = 1 << 12;
/**
 * The largest frame for which memory is allocated at once. A longer one gets memory as its bytes
 * arrive.
 */
const EAGER_BYTES = 1 << 24;

/** The error for bytes that form no frame. */
class BrokenFrameError extends Error {}

/**
 * The carrier of a worker on a plain Unix socket, on which each frame follows its length. Only one
 * write runs at a time; meanwhile messages gather in the outbox.
 */
export class SocketCarrier implements Carrier {
  events: CarrierEvents | undefined;
  heard = 0;
  readToEnd = false;
  /** Resolves when the stream has ended and the connection is closed. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.Conn;
  /** One is enough, since only one frame is sent at a time. */
  readonly #frames = new FrameWriter();
  #writing = false;
  #wroteAt = -Infinity;
  /** True once a write has failed. */
  #broken = false;
  #closing = false;
  #closed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.ended = this.#read();
  }

  /**
   * Flushes at the end of this turn of the event loop, so that requests that came together are sent
   * together, in one system call. On a quiet link there is little to gather, and the end of the
   * turn takes 0.1 ms when the caches are cold: so it flushes as soon as the running code is done.
   */
  defer(flush: () => void): void {
    if (performance.now() - this.#wroteAt < QUIET_MS) setImmediate(flush);
    else queueMicrotask(flush);
  }

  send(messages: readonly OutgoingMessage[]): boolean {
    if (this.#closing || this.#broken) return true;
    this.#writing = true;
    this.#wroteAt = performance.now();
    void this.#write(this.#frames.write(messages));
    return false;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (!this.#writing) this.#closeNow();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.byteLength;) {
        at += await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      }
    } catch {
      // The other side is gone, but its last frames may still be unread. The reader finds the end.
      this.#broken = true;
    }
    this.#writing = false;
    if (this.#closing) this.#closeNow();
    else if (!this.#broken) this.events?.onDrain();
  }

  async #read(): Promise<void> {
    const incoming = new FrameReader((start, end, block) => {
      this.events?.onFrame(decode(block, start, end));
    });
    let reason = "the worker is gone";
    let isBreach = false;
    try {
      while (true) {
        const count = await this.#conn.read(incoming.room());
        if (count === null) break;
        if (incoming.filled(count)) this.heard++;
      }
      this.readToEnd = true;
    } catch (error) {
      // A reset means that the worker left something unread. All that the worker sent has been read
      // before it.
      this.readToEnd = error instanceof Deno.errors.ConnectionReset;
      if (!this.#closing) {
        reason = messageOf(error);
        isBreach = error instanceof BrokenFrameError;
      }
    }
    this.#closing = true;
    this.#closeNow();
    const { events } = this;
    this.events = undefined;
    events?.onClosed(reason, isBreach);
  }

  #closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}

function decode(block: Uint8Array, start: number, end: number): WorkerFrame {
  const reader = new Reader(block);
  reader.pos = start;
  try {
    return workerFrame.decode(reader, end - start);
  } catch (error) {
    throw new BrokenFrameError(`a frame cannot be decoded: ${messageOf(error)}`);
  }
}

/** Splits a stream of bytes into frames. A frame that fits into the current block is not copied. */
class FrameReader {
  readonly #onFrame: (start: number, end: number, block: Uint8Array) => void;
  #block = new Uint8Array(BLOCK_BYTES);
  /** The position of the first incomplete frame. */
  #start = 0;
  #end = 0;
  /** The number of bytes received since the last sign of life. */
  #unheard = 0;

  constructor(onFrame: (start: number, end: number, block: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Returns the memory for the next bytes. */
  room(): Uint8Array {
    const known = this.#end - this.#start;
    const wanted = known >= HEADER_BYTES ? HEADER_BYTES + this.#length() : 0;
    const { byteLength } = this.#block;
    const fits = this.#start + wanted <= byteLength ||
      (this.#start === 0 && byteLength > BLOCK_BYTES && this.#end < byteLength);
    if (!fits || (wanted === 0 && byteLength - this.#end < MIN_ROOM_BYTES)) {
      const eager = Math.min(wanted, Math.max(EAGER_BYTES, 2 * known));
      const next = new Uint8Array(Math.max(BLOCK_BYTES, eager));
      next.set(this.#block.subarray(this.#start, this.#end));
      this.#block = next;
      this.#start = 0;
      this.#end = known;
    }
    return this.#block.subarray(this.#end);
  }

  /**
   * Handles `count` more bytes in {@link FrameReader.room}. Returns true for a sign of life: a
   * whole frame, or a large part of one. A few bytes do not count, since a worker could add pongs
   * to a frame that never ends.
   */
  filled(count: number): boolean {
    this.#end += count;
    this.#unheard += count;
    let isAlive = this.#unheard >= BLOCK_BYTES;
    while (this.#end - this.#start >= HEADER_BYTES) {
      const start = this.#start + HEADER_BYTES;
      const end = start + this.#length();
      if (end > this.#end) break;
      this.#start = end;
      isAlive = true;
      this.#onFrame(start, end, this.#block);
    }
    if (isAlive) this.#unheard = 0;
    return isAlive;
  }

  #length(): number {
    const block = this.#block;
    const at = this.#start;
    const length = ((block[at] ?? 0) | ((block[at + 1] ?? 0) << 8) |
      ((block[at + 2] ?? 0) << 16) | ((block[at + 3] ?? 0) << 24)) >>> 0;
    if (length <= MAX_FRAME_BYTES) return length;
    throw new BrokenFrameError(
      `A frame of ${length} bytes was announced; ${MAX_FRAME_BYTES} are allowed`,
    );
  }
}
