import { SnakedenError } from "../../errors.ts";
import type { BodyFeed, OpenedBody } from "../http/mod.ts";
import { encodeTree } from "../values/mod.ts";
import type { Input } from "./input_args.ts";
import { SourceReader, type Step } from "./source_reader.ts";

/** The bytes from which a part of a body takes no further line. */
const PART_BYTES = 65_536;
/** The bytes of a body that are kept for another attempt. */
const KEPT_BYTES = 262_144;
/** The turns of the microtask queue that an item which is ready may need. */
const READY_TURNS = 16;

const encoder = new TextEncoder();

/**
 * Sends the items of an input stream as the body of a request: lines of JSON, or if the source is a
 * ReadableStream of bytes, these bytes. Items are pulled when the request wants more of its body.
 * The first ones are kept, so that a request which reached no host can be repeated.
 *
 * Must be closed when the call has ended, however it did; this closes the source.
 */
export class InputFeed implements BodyFeed {
  readonly #name: string;
  readonly #encode: (item: unknown, index: number) => unknown;
  readonly #reader: SourceReader;
  readonly #mayBeBytes: boolean;
  readonly #failing = new AbortController();
  /** The bytes that were pulled, for the next attempt. */
  #kept: Uint8Array<ArrayBuffer>[] = [];
  #keptBytes = 0;
  #isBytes = false;
  #hasBegun = false;
  #items = 0;
  /** An item that was asked for and is not in a part yet. */
  #ahead: Promise<Step> | undefined;
  /** The part that is being made, for whichever attempt. */
  #making: Promise<Uint8Array<ArrayBuffer> | undefined> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the body of the last attempt. */
  #endBody = (): void => {};

  /** @param encode Returns the tree of JSON of an item. Default: that of its value. */
  constructor(
    { name, source }: Pick<Input, "name" | "source">,
    encode = (item: unknown, index: number): unknown => encodeTree(item, `args.${name}[${index}]`),
  ) {
    this.#name = name;
    this.#encode = encode;
    this.#reader = new SourceReader(source);
    this.#mayBeBytes = source instanceof ReadableStream;
  }

  /** Aborts with the error of the source, which ends the request. */
  get signal(): AbortSignal {
    return this.#failing.signal;
  }

  /** The error of the source, or of an item that cannot be sent. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  get isSpent(): boolean {
    return this.#keptBytes > KEPT_BYTES;
  }

  async open(): Promise<OpenedBody> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      if (this.#mayBeBytes) await this.#lookAhead();
    }
    const type = this.#isBytes ? "application/octet-stream" : "application/x-ndjson";
    return { body: this.#body(), headers: { "content-type": type } };
  }

  /** Closes the source, without waiting for it. */
  close(): void {
    this.#kept = [];
    this.#reader.close();
    this.#endBody();
  }

  /** Returns the error of the source, if it has failed, instead of what came of it. */
  causeOf(error: unknown): unknown {
    return this.#failure === undefined ? error : this.#failure.error;
  }

  /** Finds out whether the source has bytes, which decides the type of the body. */
  async #lookAhead(): Promise<void> {
    this.#ahead = this.#reader.next();
    try {
      const { done, value } = await this.#ahead;
      this.#isBytes = done !== true && value instanceof Uint8Array;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #body(): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller): void => {
        // The connection of an answered request would stay open as long as its body.
        this.#endBody = () =>
          controller.error(new DOMException("The call has ended", "AbortError"));
      },
      pull: async (controller): Promise<void> => {
        const part = this.#kept[at++] ?? await this.#next();
        if (part === undefined) controller.close();
        else controller.enqueue(part);
      },
    }, { highWaterMark: 0 });
  }

  /** Returns the next part, the same one to all attempts that wait; undefined at the end. */
  #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#making ??= this.#make().finally(() => this.#making = undefined);
  }

  async #make(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const part = this.#isBytes ? await this.#makeBytes() : await this.#makeLines();
      if (part !== undefined) this.#keep(part);
      return part;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #keep(part: Uint8Array<ArrayBuffer>): void {
    if (this.isSpent) return;
    this.#keptBytes += part.byteLength;
    if (this.isSpent) this.#kept = [];
    else this.#kept.push(part);
  }

  async #makeBytes(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await this.#step();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) throw this.#mixed(value);
      this.#items++;
      // Copied, since the source may fill it again. An empty part would end the body.
      if (value.byteLength > 0) return value.slice();
    }
  }

  /** Waits for an item, and takes those that are ready, too. */
  async #makeLines(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    let text = "";
    do {
      const { done, value } = await this.#step();
      if (done) {
        this.#ahead = END;
        return text === "" ? undefined : encoder.encode(text);
      }
      text += `${JSON.stringify(this.#encode(value, this.#items++))}\n`;
    } while (text.length < PART_BYTES && await this.#isReady());
    return encoder.encode(text);
  }

  #step(): Promise<Step> {
    const step = this.#ahead ?? this.#reader.next();
    this.#ahead = undefined;
    return step;
  }

  /** Asks for the next item; returns true if it is there at once. An error is left to its turn. */
  async #isReady(): Promise<boolean> {
    let isReady = false;
    this.#ahead = this.#reader.next();
    this.#ahead.then(() => isReady = true, () => {});
    for (let turn = 0; turn < READY_TURNS && !isReady; turn++) await null;
    return isReady;
  }

  #failed(error: unknown): unknown {
    this.#failure ??= { error };
    this.#reader.close();
    this.#failing.abort(error);
    return error;
  }

  #mixed(item: unknown): SnakedenError {
    const kind = item === null ? "null" : typeof item;
    return new SnakedenError(
      "invalid_value",
      `Cannot send args.${this.#name}[${this.#items}]: given ${kind} after bytes; allowed: a ` +
        "ReadableStream of Uint8Array alone, or an async iterable of any values",
    );
  }
}

const END: Promise<Step> = Promise.resolve({ done: true, value: undefined });
