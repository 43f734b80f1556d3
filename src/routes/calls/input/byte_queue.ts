export type Bytes = Uint8Array<ArrayBuffer>;

/** Parts below this length are copied together, so that they do not keep a whole read each. */
const SMALL_BYTES = 16 * 1024;
/** The room for parts that are copied together. */
const BLOCK_BYTES = 64 * 1024;
const LINE_BREAK = 0x0a;

/**
 * Bytes that arrived in parts, and are taken from the front. Bytes that were taken never change.
 */
export class ByteQueue {
  #parts: Bytes[] = [];
  /** The place in the first part before which all was taken. */
  #at = 0;
  #length = 0;
  /** The memory of the last part, if it has room for more. */
  #block: Bytes | undefined;
  /** The parts at the front without a line break, and their bytes that were not taken. */
  #clean = { parts: 0, bytes: 0 };

  get length(): number {
    return this.#length;
  }

  /** The number of bytes that arrived together and are next. */
  get pieceLength(): number {
    return (this.#parts[0]?.byteLength ?? 0) - this.#at;
  }

  /** Adds a part. Returns true if it is kept with its memory, and false if it was copied. */
  add(part: Bytes): boolean {
    this.#length += part.byteLength;
    if (part.byteLength >= SMALL_BYTES) {
      const isKept = 2 * part.byteLength >= part.buffer.byteLength;
      this.#parts.push(isKept ? part : part.slice());
      this.#block = undefined;
      return isKept;
    }
    const last = this.#parts.at(-1);
    const isOpen = this.#block !== undefined && last?.buffer === this.#block.buffer &&
      last.byteLength + part.byteLength <= this.#block.byteLength;
    if (this.#block === undefined || last === undefined || !isOpen) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#block.set(part);
      this.#parts.push(this.#block.subarray(0, part.byteLength));
      return false;
    }
    this.#block.set(part, last.byteLength);
    this.#parts[this.#parts.length - 1] = this.#block.subarray(
      0,
      last.byteLength + part.byteLength,
    );
    // The last part may have a line break from here on.
    if (this.#clean.parts === this.#parts.length) {
      const known = last.byteLength - (this.#parts.length === 1 ? this.#at : 0);
      this.#clean.parts--;
      this.#clean.bytes -= known;
    }
    return false;
  }

  /** Takes this many bytes, which must be there. */
  take(length: number): Bytes {
    const first = this.#parts[0];
    this.#clean = { parts: 0, bytes: 0 };
    this.#length -= length;
    if (first !== undefined && length <= first.byteLength - this.#at) {
      const taken = first.subarray(this.#at, this.#at + length);
      this.#skip(length, first);
      return taken;
    }
    const taken = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const part = this.#parts[0];
      if (part === undefined) break;
      const some = part.subarray(this.#at, this.#at + length - done);
      taken.set(some, done);
      done += some.byteLength;
      this.#skip(some.byteLength, part);
    }
    return taken;
  }

  /** Takes the next line, without its end; undefined if its end has not arrived. */
  takeLine(): Bytes | undefined {
    for (; this.#clean.parts < this.#parts.length; this.#clean.parts++) {
      const part = this.#parts[this.#clean.parts];
      if (part === undefined) break;
      const start = this.#clean.parts === 0 ? this.#at : 0;
      const end = part.indexOf(LINE_BREAK, start);
      if (end >= 0) {
        const line = this.take(this.#clean.bytes + end - start);
        this.take(1);
        return line;
      }
      this.#clean.bytes += part.byteLength - start;
    }
    return undefined;
  }

  /**
   * Takes whole lines that arrived together, at most `most` bytes of them, or one that is longer.
   * The end of the last one is left out. Undefined if no end of a line has arrived.
   */
  takeLines(most: number): Bytes | undefined {
    const first = this.#parts[0];
    if (first === undefined) return undefined;
    const end = first.subarray(this.#at, this.#at + most).lastIndexOf(LINE_BREAK);
    if (end < 0) return this.takeLine();
    const lines = this.take(end);
    this.take(1);
    return lines;
  }

  clear(): void {
    this.#parts = [];
    this.#at = 0;
    this.#length = 0;
    this.#block = undefined;
    this.#clean = { parts: 0, bytes: 0 };
  }

  #skip(length: number, part: Bytes): void {
    this.#at += length;
    if (this.#at < part.byteLength) return;
    this.#parts.shift();
    this.#at = 0;
  }
}
