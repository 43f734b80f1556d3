/**
 * The frames between the host and a warden: one byte for the kind, four for the length, the
 * payload. frames.py in python/src/snakeden/_guard is the twin of this file.
 */
const HEADER_BYTES = 5;
/** The size of a block, into which one or more reads go. Payloads refer to its memory. */
const BLOCK_BYTES = 1 << 17;
/** The least room in a block for which a read is worthwhile. */
const MIN_ROOM_BYTES = 1 << 14;
/** No frame of a warden is longer. */
const MAX_FRAME_BYTES = 1 << 24;

/** The kinds of frames, by their letters. */
export const KIND = {
  launch: code("L"),
  sweep: code("W"),
  input: code("I"),
  inputEnd: code("E"),
  stop: code("S"),
  taken: code("T"),
  hello: code("h"),
  started: code("s"),
  failed: code("f"),
  stdout: code("o"),
  stderr: code("e"),
  inputTaken: code("t"),
  inputClosed: code("c"),
  ended: code("z"),
} as const;

function code(letter: string): number {
  return letter.charCodeAt(0);
}

/** Returns the header of a frame. */
export function header(kind: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, length, true);
  return bytes;
}

/** Returns a frame whose payload is a number. */
export function amountFrame(kind: number, amount: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 4);
  bytes.set(header(kind, 4));
  new DataView(bytes.buffer).setUint32(HEADER_BYTES, amount, true);
  return bytes;
}

/** Returns the number that is the payload of a frame. */
export function amountIn(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0, true);
}

/** Splits a stream of bytes into frames. No memory is written twice, so payloads stay valid. */
export class FrameReader {
  readonly #onFrame: (kind: number, payload: Uint8Array) => void;
  #block = new Uint8Array(BLOCK_BYTES);
  #start = 0;
  #end = 0;

  constructor(onFrame: (kind: number, payload: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Returns the memory for the next bytes. */
  room(): Uint8Array {
    const known = this.#end - this.#start;
    const wanted = known >= HEADER_BYTES ? HEADER_BYTES + this.#length() : 0;
    const { byteLength } = this.#block;
    if (this.#start + wanted > byteLength || byteLength - this.#end < MIN_ROOM_BYTES) {
      const next = new Uint8Array(Math.max(BLOCK_BYTES, wanted + MIN_ROOM_BYTES));
      next.set(this.#block.subarray(this.#start, this.#end));
      this.#block = next;
      this.#start = 0;
      this.#end = known;
    }
    return this.#block.subarray(this.#end);
  }

  /** Handles `count` more bytes in {@link FrameReader.room}. */
  filled(count: number): void {
    this.#end += count;
    while (this.#end - this.#start >= HEADER_BYTES) {
      const payload = this.#start + HEADER_BYTES;
      const end = payload + this.#length();
      if (end > this.#end) break;
      const kind = this.#block[this.#start] ?? 0;
      this.#start = end;
      this.#onFrame(kind, this.#block.subarray(payload, end));
    }
  }

  #length(): number {
    const length = amountIn(this.#block.subarray(this.#start + 1, this.#start + HEADER_BYTES));
    if (length <= MAX_FRAME_BYTES) return length;
    throw new Error(
      `A frame of ${length} bytes was announced; ${MAX_FRAME_BYTES} are allowed`,
    );
  }
}
