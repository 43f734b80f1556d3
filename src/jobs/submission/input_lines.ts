import { isIterable } from "../../async/mod.ts";
import { type LineList, Value } from "../../bridge/mod.ts";
import { shownValue } from "../../config/mod.ts";
import type { InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { invalidJob } from "./check_job.ts";

/** The items and the characters of lines that are written together. */
const CHUNK_ITEMS = 500;
const CHUNK_CHARS = 64 * 1024;

const encoder = new TextEncoder();

/** Items of a batch that come one after the other. */
export type StreamedInputs = Iterable<unknown> | AsyncIterable<unknown>;

/** The limits of the items of a batch. */
export interface InputLimits {
  readonly maxItems: number;
  readonly maxItemBytes: number;
}

/** Options of {@link inputLines}. */
export interface InputLinesOptions extends InputLimits {
  /** True if items need not be objects, since a parameter gets them. */
  readonly takesAny: boolean;
  readonly maxDepth: number | undefined;
}

/** Returns true for inputs of a batch that are no list, but can be iterated. */
export function isStreamed(inputs: unknown): inputs is StreamedInputs {
  return isIterable(inputs) && !Array.isArray(inputs) && !ArrayBuffer.isView(inputs);
}

/**
 * Returns the items of a batch as lines of JSON, in chunks of bytes. Each chunk is made when it is
 * asked for, so that no more items are taken than are written.
 *
 * @throws {SnakedenError} While it is read: `invalid_input` or `invalid_value` for an item that
 * cannot be kept, which the text names. An error of the items is thrown as it is.
 */
export function inputLines(
  inputs: StreamedInputs,
  options: InputLinesOptions,
): AsyncIterable<Uint8Array> {
  const items = Symbol.asyncIterator in inputs
    ? inputs[Symbol.asyncIterator]()
    : inputs[Symbol.iterator]();
  const lines = new Lines(items, options);
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = await lines.next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      // At once, also while an item is awaited.
      return: async (value) => {
        await lines.close();
        return { done: true, value };
      },
    }),
  };
}

/**
 * Returns items that came as lines, if they keep the limits.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function checkedLines(
  lines: LineList,
  { maxItems, maxItemBytes }: InputLimits,
): LineList {
  if (lines.count > maxItems) throw tooMany(maxItems);
  const { index, chars } = lines.longest;
  if (chars > maxItemBytes) throw tooLong(`inputs[${index}]`, { chars, maxItemBytes });
  return lines;
}

class Lines {
  readonly #items: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #options: InputLinesOptions;
  #count = 0;
  #isOver = false;

  constructor(items: Iterator<unknown> | AsyncIterator<unknown>, options: InputLinesOptions) {
    this.#items = items;
    this.#options = options;
  }

  /** Returns the next chunk; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    let lines = "";
    for (let i = 0; i < CHUNK_ITEMS && lines.length < CHUNK_CHARS && !this.#isOver; i++) {
      const item = await this.#take();
      if (item.done) break;
      try {
        lines += `${this.#textOf(item.value)}\n`;
      } catch (error) {
        // The items have not failed, so they are still open.
        this.close().catch(() => {});
        throw error;
      }
    }
    return lines === "" ? undefined : encoder.encode(lines);
  }

  /** Tells the items that nobody wants the rest. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#items.return?.();
  }

  async #take(): Promise<IteratorResult<unknown, unknown>> {
    try {
      const step = await this.#items.next();
      if (step.done) this.#isOver = true;
      return step;
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  /** Returns an item as a line of JSON. */
  #textOf(item: unknown): string {
    const { takesAny, maxItems, maxItemBytes, maxDepth } = this.#options;
    const path = `inputs[${this.#count}]`;
    if (this.#count++ === maxItems) throw tooMany(maxItems);
    if (!takesAny && !isRecord(item)) {
      const message = `given ${shownValue(item)}; allowed: an object of arguments, or any value ` +
        "with the name of its parameter as input";
      throw wrong(path, message);
    }
    const value = Value.from(item, {
      name: path,
      ...(maxDepth === undefined ? {} : { maxDepth }),
    });
    if (value.inputs !== undefined) {
      throw wrong(path, "given an input stream; allowed: values that can be kept");
    }
    const text = value.jsonText();
    if (text.length > maxItemBytes) throw tooLong(path, { chars: text.length, maxItemBytes });
    return text;
  }
}

function tooMany(maxItems: number): InvalidInputError {
  const message = `given more than ${maxItems} items; allowed: at most that (jobs.maxBatchItems)`;
  return wrong("inputs", message);
}

function tooLong(
  path: string,
  { chars, maxItemBytes }: { readonly chars: number; readonly maxItemBytes: number },
): InvalidInputError {
  const message = `given ${chars} characters of JSON; allowed: at most ${maxItemBytes} ` +
    "bytes (jobs.maxArgsBytes)";
  return wrong(path, message);
}

function wrong(path: string, message: string): InvalidInputError {
  return invalidJob([{ path, message }]);
}
