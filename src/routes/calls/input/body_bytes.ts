import { setImmediate } from "node:timers";
import { messageOf, SnakedenError } from "../../../errors.ts";
import { BodyRoom, byteStream } from "../../http/mod.ts";
import { ByteQueue, type Bytes } from "./byte_queue.ts";

/** The room of the first read from a body of announced length. */
const ROOM_BYTES = 65_536 + 64;
/** The largest room of a read. */
const MAX_ROOM_BYTES = 64 * ROOM_BYTES;
/** The bytes from which no more are read ahead of the tool. */
const MAX_AHEAD_BYTES = 64 * 1024 * 1024;
/** The bytes after which reading ahead lets other work run. */
const TURN_BYTES = 1024 * 1024;
/** The turns of the microtask queue that a read of bytes that have arrived may need. */
const READY_TURNS = 32;

/** The way in which a body is read. */
export interface BodyReading {
  /** True if the request announces the length of the body. */
  readonly isMeasured: boolean;
  /** True if the answer may begin before the body has ended. */
  readonly isDuplex: boolean;
}

/**
 * The bytes of a body that have arrived and were not taken.
 *
 * The HTTP/1.1 server of Deno 2.9.6 takes from the socket with each read as many bytes as the
 * largest read so far had room for, even if it still has others ({@link BodyRoom}). And once an
 * answer has begun, it takes all that arrives. So a body is read like this:
 *
 * - One whose length is announced: when there is nothing to take, so that a slow tool stops the
 *   client by its socket. The room grows while reads fill it, so that few reads move much.
 * - Any other one, with little room while its chunks are small: until the server has no more of
 *   it, at most {@link MAX_AHEAD_BYTES}; and all the time if the answer may have begun.
 */
export class BodyBytes {
  readonly #body: ReadableStream<Uint8Array> | null;
  readonly #reading: BodyReading;
  readonly #queue = new ByteQueue();
  #reader: ReadableStreamBYOBReader | undefined;
  #room: Bytes = new Uint8Array();
  #roomBytes = ROOM_BYTES;
  readonly #chunkedRoom = new BodyRoom();
  #end: "none" | "over" | { readonly error: SnakedenError } = "none";
  #isPumping = false;
  #wake: (() => void) | undefined;

  constructor(body: ReadableStream<Uint8Array> | null, reading: BodyReading) {
    this.#body = body;
    this.#reading = reading;
    if (body === null) this.#end = "over";
  }

  get length(): number {
    return this.#queue.length;
  }

  /** True once the body has no more bytes than those that have arrived. */
  get isOver(): boolean {
    return this.#end === "over";
  }

  /**
   * Waits for further bytes, or for the end.
   *
   * @throws {SnakedenError} `request_incomplete` if the body breaks off.
   */
  async read(): Promise<void> {
    if (this.#end === "none") {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      void this.#pump();
      await promise;
      return;
    }
    if (this.#end === "over") return;
    const { error } = this.#end;
    this.#end = "over";
    throw error;
  }

  /** Takes the next bytes. */
  take(length: number): Bytes {
    const taken = this.#queue.take(length);
    this.#resume();
    return taken;
  }

  /** Takes bytes that arrived together, at most `most` of them. */
  takePiece(most: number): Bytes {
    return this.take(Math.min(most, this.#queue.pieceLength));
  }

  /** Takes the next line, without its end; undefined if it has not arrived yet. */
  takeLine(): Bytes | undefined {
    const line = this.#queue.takeLine();
    this.#resume();
    return line;
  }

  /** Takes lines as {@link ByteQueue.takeLines} does; undefined if none has arrived. */
  takeLines(most: number): Bytes | undefined {
    const lines = this.#queue.takeLines(most);
    this.#resume();
    return lines;
  }

  /** Reads nothing more, and drops what has arrived. */
  async cancel(): Promise<void> {
    this.#end = "over";
    this.#queue.clear();
    this.#notify();
    await (this.#reader ?? this.#body)?.cancel();
  }

  /** Goes on with a body that is read all the time, once there is room again. */
  #resume(): void {
    const { isMeasured, isDuplex } = this.#reading;
    if (!isDuplex || isMeasured || this.#end !== "none" || this.#isPumping) return;
    if (this.#reader !== undefined) void this.#pump();
  }

  /** Reads until the server has no more bytes, or as many as may be read ahead. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      let turnBytes = 0;
      while (this.#end === "none" && this.length < MAX_AHEAD_BYTES) {
        const before = this.length;
        const wasReady = await this.#readOnce();
        this.#notify();
        const { isMeasured, isDuplex } = this.#reading;
        if (isMeasured || (!wasReady && !isDuplex)) return;
        turnBytes += Math.max(0, this.length - before);
        if (turnBytes < TURN_BYTES) continue;
        turnBytes = 0;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      if (this.#end !== "none") return;
      this.#end = {
        error: new SnakedenError(
          "request_incomplete",
          `Cannot take the rest of the body: it ended early (${messageOf(error)})`,
          { retryable: true, cause: error },
        ),
      };
    } finally {
      this.#isPumping = false;
      this.#notify();
    }
  }

  /** Returns true if the bytes had arrived before. */
  async #readOnce(): Promise<boolean> {
    if (this.#body === null) return false;
    this.#reader ??= byteStream(this.#body).getReader({ mode: "byob" });
    const { isMeasured } = this.#reading;
    const roomBytes = isMeasured ? this.#roomBytes : this.#chunkedRoom.bytes;
    if (this.#room.byteLength < roomBytes) this.#room = new Uint8Array(roomBytes);
    const room = this.#room.byteLength;
    const reading = this.#reader.read(this.#room);
    this.#room = new Uint8Array();
    const wasReady = await isReady(reading);
    const { done, value } = await reading;
    if (this.#end !== "none") return wasReady;
    if (done) {
      this.#end = "over";
      return wasReady;
    }
    if (!this.#queue.add(value)) this.#room = new Uint8Array(value.buffer);
    if (!isMeasured) this.#chunkedRoom.note(room, value.byteLength);
    else if (value.byteLength === room) this.#roomBytes = Math.min(2 * room, MAX_ROOM_BYTES);
    return wasReady;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Returns true if a read is done without waiting for the event loop. */
async function isReady(reading: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  const settle = (): void => {
    isDone = true;
  };
  reading.then(settle, settle);
  for (let turn = 0; turn < READY_TURNS && !isDone; turn++) await null;
  return isDone;
}
