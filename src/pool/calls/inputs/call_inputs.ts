import { type InputCollector, type InputSource, Value } from "../../../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { type InputLimits, InputStream } from "./input_stream.ts";

/** Reads the next items of an input stream: `{id}` -> `{items, done}`. */
export const INPUT_NEXT = "input.next";
/** Closes an input stream: `{id}` -> null. */
export const INPUT_CANCEL = "input.cancel";

const NOTHING = Value.from(null);

/**
 * The input streams of one call, with all its attempts. They are closed when nobody holds them any
 * more: each attempt of the call does, and so does whoever makes further attempts.
 */
export class CallInputs implements InputCollector {
  readonly #limits: InputLimits;
  readonly #streams: InputStream[] = [];
  /** The place of each source that can be read only once. */
  readonly #places = new Map<InputSource, string>();
  #holders = 0;
  #isClosed = false;

  constructor(limits: InputLimits) {
    this.#limits = limits;
  }

  /** Returns the input streams of arguments; undefined if they have none. */
  static of(args: Value): CallInputs | undefined {
    const { inputs } = args;
    return inputs instanceof CallInputs ? inputs : undefined;
  }

  /** @throws {InvalidInputError} For a source that two arguments would share. */
  add(source: InputSource, path: string): number {
    if (!path.includes(".")) {
      throw refused(path, "given an input stream; allowed: an object of arguments by name");
    }
    if (source instanceof ReadableStream || "next" in source) {
      const other = this.#places.get(source);
      if (other !== undefined) {
        throw refused(
          path,
          `given the stream that ${other} has, and each item goes to one of them`,
        );
      }
      this.#places.set(source, path);
    }
    return this.#streams.push(new InputStream(source, path, this.#limits)) - 1;
  }

  /** True once the tool has asked for an item, so that the call must not run again. */
  get isRead(): boolean {
    return this.#streams.some((it) => it.isRead);
  }

  /** Keeps the streams open until {@link CallInputs.release}. */
  hold(): void {
    this.#holders++;
  }

  /** Closes the streams if nobody else holds them. */
  release(): void {
    if (--this.#holders <= 0) this.close();
  }

  /** Closes all streams, since the call has ended. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stream of this.#streams) stream.close(callEnded());
  }

  /** Returns the error of the stream at a place in the arguments, as its source has thrown it. */
  failureAt(path: string): { readonly error: unknown } | undefined {
    return this.#streams.find((it) => it.path === path)?.failure;
  }

  /**
   * Answers what the tool asks of its input streams.
   *
   * @returns Undefined for any other method.
   * @throws {SnakedenError} `invalid_input` for an unknown stream.
   */
  answer(method: string, args: Value): Value | Promise<Value> | undefined {
    if (method !== INPUT_NEXT && method !== INPUT_CANCEL) return undefined;
    const given = args.decode();
    const id = isRecord(given) ? given["id"] : undefined;
    const stream = typeof id === "number" ? this.#streams[id] : undefined;
    if (method === INPUT_CANCEL) {
      stream?.close();
      return NOTHING;
    }
    if (stream === undefined) {
      throw new SnakedenError(
        "invalid_input",
        `Cannot read the input stream ${String(id)}: the call has ${this.#streams.length}`,
      );
    }
    return stream.next();
  }
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot make the call: ${path}: ${message}`, [{ path, message }]);
}

function callEnded(): SnakedenError {
  return new SnakedenError("cancelled", "The call has ended, and its input streams are closed");
}
