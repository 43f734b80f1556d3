/** Lines of a file, decoded. */
export interface TextBlock {
  /** The place of its first byte in the file. */
  readonly offset: number;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Whole lines, each with its line feed; that of the last line of the file is added. */
  readonly text: string;
  /** The lines, counted from 0, that are not UTF-8. */
  readonly faulty: ReadonlySet<number>;
  readonly isLast: boolean;
}

/**
 * The bytes that are decoded together. Their items wait together, too: many that wait for long are
 * what a host keeps in memory.
 */
const BLOCK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const NO_FAULTS: ReadonlySet<number> = new Set();

/** Thrown for a file that no format can have. */
export class FileFault extends Error {
  /** The line at which it is found, from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

/**
 * Reads a file in blocks of whole lines. After each block, the reader of the lines must say how
 * many of them it has used: the others come again, with more behind them.
 */
export class TextBlocks {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #maxBytes: number;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(BLOCK_BYTES);
  #length = 0;
  #offset: number;
  #line: number;
  #wanted = BLOCK_BYTES;
  #isAtEnd = false;
  /** The bytes and the lines of the last block. */
  #block = { bytes: 0, lines: 0 };

  /**
   * @param maxBytes The longest item. One that is longer is a {@link FileFault}.
   */
  constructor(
    source: AsyncIterable<Uint8Array>,
    { offset, line, maxBytes }: {
      readonly offset: number;
      readonly line: number;
      readonly maxBytes: number;
    },
  ) {
    this.#source = source[Symbol.asyncIterator]();
    this.#offset = offset;
    this.#line = line;
    this.#maxBytes = maxBytes;
  }

  /**
   * Returns the next block; undefined at the end.
   *
   * @throws {FileFault} For an item that is too long.
   */
  async next(): Promise<TextBlock | undefined> {
    let end = 0;
    while (true) {
      const known = Math.min(this.#length, this.#wanted);
      end = this.#buffer.subarray(0, known).lastIndexOf(LINE_FEED) + 1;
      const isFull = known === this.#wanted;
      if (isFull && end > 0) break;
      if (known - end > this.#maxBytes) throw this.#tooLong();
      if (isFull) this.#wanted *= 2;
      else if (this.#isAtEnd) break;
      else await this.#fill();
    }
    if (this.#length === 0) return undefined;
    if (this.#isAtEnd && this.#length <= this.#wanted) end = this.#length;
    const bytes = this.#buffer.subarray(0, end);
    const hasFeed = bytes[end - 1] === LINE_FEED;
    const { text, faulty } = decoded(bytes);
    this.#block = { bytes: end, lines: 0 };
    return {
      offset: this.#offset,
      line: this.#line,
      text: hasFeed ? text : `${text}\n`,
      faulty,
      isLast: this.#isAtEnd && end === this.#length,
    };
  }

  /** Notes that all lines of the last block were used, of which there were so many. */
  usedAll(lines: number): void {
    this.#drop(this.#block.bytes, lines);
  }

  /**
   * Notes that the last block was used but for its last `rest` lines, of `lines` in all.
   *
   * @throws {FileFault} If nothing was used, and the rest is too long for an item.
   */
  usedBut(rest: number, lines: number): void {
    let end = this.#block.bytes;
    // The position behind a line feed is the beginning of a line.
    for (let i = 0; i < rest; i++) {
      end = this.#buffer.lastIndexOf(LINE_FEED, end - 2) + 1;
    }
    const kept = this.#block.bytes - end;
    if (kept > this.#maxBytes) throw this.#tooLong();
    this.#drop(end, lines - rest);
    // Twice as much, so that a long item is not looked at again and again.
    this.#wanted = Math.max(BLOCK_BYTES, 2 * kept);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #drop(bytes: number, lines: number): void {
    this.#buffer.copyWithin(0, bytes, this.#length);
    this.#length -= bytes;
    this.#offset += bytes;
    this.#line += lines;
    this.#wanted = BLOCK_BYTES;
  }

  async #fill(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done) {
      this.#isAtEnd = true;
      return;
    }
    if (this.#length + value.byteLength > this.#buffer.byteLength) {
      const size = Math.max(2 * this.#buffer.byteLength, this.#length + value.byteLength);
      const larger = new Uint8Array(size);
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
  }

  #tooLong(): FileFault {
    return new FileFault(
      this.#line,
      `an item that begins here has more than ${this.#maxBytes} bytes; allowed: at most that`,
    );
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

function decoded(
  bytes: Uint8Array<ArrayBuffer>,
): { readonly text: string; readonly faulty: ReadonlySet<number> } {
  try {
    return { text: strict.decode(bytes), faulty: NO_FAULTS };
  } catch {
    return { text: lenient.decode(bytes), faulty: faultyLines(bytes) };
  }
}

function faultyLines(bytes: Uint8Array<ArrayBuffer>): Set<number> {
  const faulty = new Set<number>();
  for (let start = 0, line = 0; start < bytes.byteLength; line++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.byteLength : feed;
    try {
      strict.decode(bytes.subarray(start, end));
    } catch {
      faulty.add(line);
    }
    start = end + 1;
  }
  return faulty;
}
