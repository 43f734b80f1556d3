import { nextTurn } from "../../../async/mod.ts";
import { Value } from "../../../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import type { MapItem } from "../../../map/mod.ts";
import { parseJson } from "../../http/mod.ts";
import { BodyBytes, MAX_LINE_BYTES } from "../input/mod.ts";

/** The bytes of lines that are decoded together. */
const BLOCK_BYTES = 64 * 1024;
/** The bytes that are read in one turn of the event loop. */
const TURN_BYTES = 256 * 1024;
/** The bytes that are read in the time in which one byte of a line with tags is parsed. */
const PARSE_COST = 8;
/** The bytes that take as long as parsing a line takes beside its bytes. */
const LINE_COST_BYTES = 512;
const BYTE_ORDER_MARK = "\ufeff";

/** Finds texts that may have tags. The name of a tag can be written with escapes. */
const MAY_HAVE_TAGS = /\$snakeden|\\u00[2-7]/;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Step = IteratorResult<MapItem, void>;

/**
 * The lines of a body as items of a map. They stay texts, which the worker parses; only a line that
 * may have tags is parsed here. A line that is not UTF-8 is the error of its item. Empty lines are
 * skipped.
 */
export class MapLines implements AsyncIterableIterator<MapItem, void> {
  readonly #bytes: BodyBytes;
  readonly #maxDepth: number;
  /** The lines of the last block. One that is no text is undefined. */
  #lines: readonly (string | undefined)[] = [];
  #at = 0;
  /** The lines of the blocks before it. */
  #linesBefore = 0;
  #mayHaveTags = false;
  #turnBytes = 0;

  /**
   * @param options.isMeasured True if the request announces the length of the body.
   * @param options.maxDepth The levels of nesting in a line with tags.
   */
  constructor(
    body: ReadableStream<Uint8Array> | null,
    { isMeasured, maxDepth }: { readonly isMeasured: boolean; readonly maxDepth: number },
  ) {
    // Items are answered while others arrive.
    this.#bytes = new BodyBytes(body, { isMeasured, isDuplex: true });
    this.#maxDepth = maxDepth;
  }

  /** Not async, since most items are ready. */
  next(): Promise<Step> {
    const item = this.#take();
    return item === undefined ? this.#read() : Promise.resolve({ done: false, value: item });
  }

  async return(): Promise<Step> {
    this.#lines = [];
    await this.#bytes.cancel();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes the next item of the block; undefined if another block or another turn is needed. */
  #take(): MapItem | undefined {
    while (this.#at < this.#lines.length && this.#turnBytes < TURN_BYTES) {
      const line = this.#lines[this.#at++];
      if (line === undefined) return notUtf8(this.#line);
      if (isEmpty(line)) continue;
      return this.#mayHaveTags && MAY_HAVE_TAGS.test(line) ? this.#parsed(line) : line;
    }
    return undefined;
  }

  /** The number of the line that was taken last, from 1. */
  get #line(): number {
    return this.#linesBefore + this.#at;
  }

  async #read(): Promise<Step> {
    try {
      while (true) {
        if (this.#turnBytes >= TURN_BYTES) {
          await nextTurn();
          this.#turnBytes = 0;
        }
        const item = this.#take();
        if (item !== undefined) return { done: false, value: item };
        if (this.#at < this.#lines.length || this.#fill()) continue;
        if (this.#bytes.isOver) return { done: true, value: undefined };
        await this.#bytes.read();
      }
    } catch (error) {
      // The map ends with this error, so nobody reads on.
      this.#bytes.cancel().catch(() => {});
      throw error;
    }
  }

  /**
   * Decodes the next block; returns false if none has arrived.
   *
   * @throws {SnakedenError} `body_too_large` for a line.
   */
  #fill(): boolean {
    this.#linesBefore += this.#lines.length;
    this.#lines = [];
    this.#at = 0;
    const { length, isOver } = this.#bytes;
    if (length === 0) return false;
    const block = this.#bytes.takeLines(BLOCK_BYTES) ??
      (isOver ? this.#bytes.take(length) : undefined);
    // A block of several lines is shorter.
    if ((block?.byteLength ?? length) > MAX_LINE_BYTES) throw lineTooLong(this.#line + 1);
    if (block === undefined) return false;
    this.#turnBytes += block.byteLength;
    this.#decode(block);
    return true;
  }

  #decode(block: Uint8Array<ArrayBuffer>): void {
    const text = textOf(block);
    this.#lines = text?.split("\n") ?? linesOf(block);
    this.#mayHaveTags = text === undefined || MAY_HAVE_TAGS.test(text);
    const [first] = this.#lines;
    if (this.#linesBefore === 0 && first?.startsWith(BYTE_ORDER_MARK)) {
      this.#lines = [first.slice(1), ...this.#lines.slice(1)];
    }
  }

  /** Returns the item of a line that may have tags, or its error. */
  #parsed(line: string): MapItem {
    const name = `line ${this.#line}`;
    const maxDepth = this.#maxDepth;
    this.#turnBytes += PARSE_COST * (line.length + LINE_COST_BYTES);
    try {
      return Value.fromJsonTree(parseJson(line, name, maxDepth), { maxDepth, name });
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      if (error.code !== "invalid_value") return error;
      return new InvalidInputError(error.message, [{ path: name, message: error.message }]);
    }
  }
}

function isEmpty(line: string): boolean {
  return line.length === 0 || (line.charCodeAt(0) <= 0x20 && line.trim() === "");
}

/** Returns the text of bytes; undefined if they are not UTF-8. */
function textOf(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the lines of bytes one by one, for some that are not UTF-8. */
function linesOf(block: Uint8Array<ArrayBuffer>): (string | undefined)[] {
  const lines: (string | undefined)[] = [];
  for (let start = 0; start <= block.byteLength;) {
    const feed = block.indexOf(0x0a, start);
    const end = feed < 0 ? block.byteLength : feed;
    lines.push(textOf(block.subarray(start, end)));
    start = end + 1;
  }
  return lines;
}

function notUtf8(line: number): InvalidInputError {
  const message = "it is not UTF-8";
  const path = `line ${line}`;
  return new InvalidInputError(`Cannot read ${path}: ${message}`, [{ path, message }]);
}

function lineTooLong(line: number): SnakedenError {
  return new SnakedenError(
    "body_too_large",
    `Cannot read line ${line}: it has more than ${MAX_LINE_BYTES} bytes; send large data as a ` +
      'file, and its id as {"$file": id}',
    { details: { line, maxLineBytes: MAX_LINE_BYTES } },
  );
}
