import { setImmediate } from "node:timers";
import { Reader } from "protobufjs/minimal.js";
import { messageOf } from "../../../errors.ts";
import { type Carrier, type CarrierEvents, MAX_FRAME_BYTES } from "../carrier.ts";
import { FrameWriter, HEADER_BYTES, type OutgoingMessage } from "../frame_writer.ts";
import { snakeden, type WorkerFrame } from "../../gen/link.js";

const { WorkerFrame: workerFrame } = snakeden.v1;

/**
 * Bytes that one read may bring, and that small frames share: values refer into it, so it is never
 * written twice.
 */
const BLOCK_BYTES = 1 << 16;
/** Less room than this is not worth a read. */
const MIN_ROOM_BYTES = 1 << 12;
/** A frame that announces more than this gets memory as it comes. */
const EAGER_BYTES = 1 << 24;

/** Thrown for bytes that form no frame. */
class BrokenFrameError extends Error {}

/**
 * The carrier of a worker on the same machine: a plain Unix socket on which each frame follows its
 * length. One write is under way at a time; what comes meanwhile gathers in the outbox.
 */
export class SocketCarrier implements Carrier {
  events: CarrierEvents | undefined;
  heard = 0;
  readToEnd = false;
  /** Resolves when the stream has ended and everything is let go. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.Conn;
  /** One frame is being sent at a time, so its memory is free for the next one. */
  readonly #frames = new FrameWriter();
  #writing = false;
  /** Nothing can be written any more. */
  #broken = false;
  #closing = false;
  #closed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.ended = this.#read();
  }

  /**
   * At the end of this turn of the event loop: requests that came together leave together, in one
   * system call.
   */
  defer(flush: () => void): void {
    setImmediate(flush);
  }

  send(messages: readonly OutgoingMessage[]): boolean {
    if (this.#closing || this.#broken) return true;
    this.#writing = true;
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
      // The other side is gone, but what it has said may still be there to be read; the reader
      // comes to its end.
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
      // A reset comes after what was said before it: it tells that the worker left something
      // unread.
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

/** Cuts a stream of bytes into frames, without a copy for those that lie in one block. */
class FrameReader {
  readonly #onFrame: (start: number, end: number, block: Uint8Array) => void;
  #block = new Uint8Array(BLOCK_BYTES);
  /** Where the first frame begins that is not complete. */
  #start = 0;
  #end = 0;
  /** Bytes that came since the last sign of life. */
  #unheard = 0;

  constructor(onFrame: (start: number, end: number, block: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Where the next bytes go. */
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
   * Takes note of `count` more bytes in the room. Returns true for a sign of life: a whole frame or
   * a good part of one, but not a few bytes, such as pongs that trickle into a frame that never
   * ends.
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
