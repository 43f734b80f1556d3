import { Value } from "../../../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import { decodeText, parseJson } from "../../http/mod.ts";
import { BodyBytes, type BodyReading } from "./body_bytes.ts";

/** The longest line of a body that is NDJSON. It is parsed on the event loop, in about 10 ms. */
export const MAX_LINE_BYTES = 1_048_576;
/** The longest piece of a body without frames. */
const MAX_PIECE_BYTES = 65_536;

/** A body that is an input stream, and how it is read. */
export interface InputBody extends BodyReading {
  readonly body: ReadableStream<Uint8Array> | null;
}

/** The items of a body, read one after another. Closing them stops reading the body. */
abstract class BodyItems implements AsyncIterableIterator<Value, void> {
  protected readonly bytes: BodyBytes;

  constructor({ body, ...reading }: InputBody) {
    this.bytes = new BodyBytes(body, reading);
  }

  /** Takes the next item of those bytes that have arrived; undefined if there is none. */
  protected abstract take(): Value | undefined;

  async next(): Promise<IteratorResult<Value, void>> {
    for (;;) {
      const value = this.take();
      if (value !== undefined) return { done: false, value };
      if (this.bytes.isOver) return { done: true, value: undefined };
      await this.bytes.read();
    }
  }

  async return(): Promise<IteratorResult<Value, void>> {
    await this.bytes.cancel();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * The lines of a body as values: one JSON text a line, in which tags may stand. Empty lines are
 * skipped.
 */
export class LineItems extends BodyItems {
  readonly #maxDepth: number;
  #line = 0;

  constructor(body: InputBody, maxDepth: number) {
    super(body);
    this.#maxDepth = maxDepth;
  }

  protected override take(): Value | undefined {
    for (;;) {
      const line = this.bytes.takeLine() ?? this.#rest();
      if (line === undefined) {
        if (this.bytes.length > MAX_LINE_BYTES) throw lineTooLong(this.#line + 1);
        return undefined;
      }
      this.#line++;
      if (line.byteLength > MAX_LINE_BYTES) throw lineTooLong(this.#line);
      const value = this.#valueOf(line);
      if (value !== undefined) return value;
    }
  }

  /** The last line, which may have no end. */
  #rest(): Uint8Array | undefined {
    const { isOver, length } = this.bytes;
    return isOver && length > 0 ? this.bytes.take(length) : undefined;
  }

  #valueOf(line: Uint8Array): Value | undefined {
    const name = `line ${this.#line}`;
    const text = decodeText(line, name);
    if (text.trim() === "") return undefined;
    const tree = parseJson(text, name, this.#maxDepth);
    try {
      return Value.fromJsonTree(tree, { maxDepth: this.#maxDepth, name });
    } catch (error) {
      if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
      throw new InvalidInputError(error.message, [{ path: name, message: error.message }]);
    }
  }
}

/** The bytes of a body: in pieces as they arrive, or in frames of equal length. */
export class ByteItems extends BodyItems {
  readonly #chunkBytes: number | undefined;

  /** @param chunkBytes The length of all frames but the last one. */
  constructor(body: InputBody, chunkBytes?: number) {
    super(body);
    this.#chunkBytes = chunkBytes;
  }

  protected override take(): Value | undefined {
    const { isOver, length } = this.bytes;
    const wanted = this.#chunkBytes;
    if (length === 0 || (wanted !== undefined && length < wanted && !isOver)) return undefined;
    const bytes = wanted === undefined
      ? this.bytes.takePiece(MAX_PIECE_BYTES)
      : this.bytes.take(Math.min(wanted, length));
    return Value.fromRaw({ bytes });
  }
}

function lineTooLong(line: number): SnakedenError {
  return new SnakedenError(
    "body_too_large",
    `Cannot read line ${line}: it has more than ${MAX_LINE_BYTES} bytes; send large data as ` +
      "application/octet-stream, or in several lines",
    { details: { line, maxLineBytes: MAX_LINE_BYTES } },
  );
}
