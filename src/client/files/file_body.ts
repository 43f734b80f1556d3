import { InvalidInputError } from "../../errors.ts";
import type { BodyFeed, OpenedBody } from "../http/mod.ts";
import type { FileBody } from "../shapes/mod.ts";

/** The bytes that are gathered before the browser gets them. */
const BLOB_BYTES = 8 * 1024 * 1024;

/** The bytes of a file, ready to be sent. */
export type ReadyBody =
  | { readonly body: Blob | Uint8Array<ArrayBuffer> }
  | { readonly feed: BodyFeed };

/**
 * Returns the body of a request that adds a file. A page of a browser cannot send a stream, so
 * there its bytes are gathered in a `Blob` first, which the browser may keep on its disk.
 *
 * @throws {InvalidInputError} For something that has no bytes.
 * @throws {unknown} The error of the source, or the reason of the signal, while they are gathered.
 */
export async function readyBody(
  source: FileBody,
  signal: AbortSignal | undefined,
): Promise<ReadyBody> {
  if (source instanceof Uint8Array) return { body: source as Uint8Array<ArrayBuffer> };
  if (source instanceof Blob) return { body: source };
  if (typeof source !== "object" || source === null || !isStream(source)) throw noBytes(source);
  const stream = streamOf(source);
  if ("document" in globalThis) return { body: await gathered(stream, signal) };
  return { feed: new StreamFeed(stream) };
}

/**
 * Gathers a stream in a blob. Not by `Response.blob()`, which has an error of its own for that of
 * the source, and no end before that of the source.
 */
async function gathered(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const reader = stream.getReader();
  const leave = (): void => void reader.cancel(signal?.reason).catch(() => {});
  let blob = new Blob();
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  signal?.addEventListener("abort", leave, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { value, done } = await reader.read();
      signal?.throwIfAborted();
      if (!done && !(value instanceof Uint8Array)) throw noBytes(value);
      if (!done) {
        parts.push(value as Uint8Array<ArrayBuffer>);
        bytes += value.byteLength;
        if (bytes < BLOB_BYTES) continue;
      }
      blob = new Blob([blob, ...parts]);
      parts = [];
      bytes = 0;
      if (done) return blob;
    }
  } catch (error) {
    leave();
    throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

/** Sends a stream as the body of one request. */
class StreamFeed implements BodyFeed {
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #failing = new AbortController();
  #isSpent = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  get isSpent(): boolean {
    return this.#isSpent;
  }

  get signal(): AbortSignal {
    return this.#failing.signal;
  }

  open(): Promise<OpenedBody> {
    this.#isSpent = true;
    const reader = this.#stream.getReader();
    let isLeft = false;
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller): Promise<void> => {
        const { value, done } = await this.#next(reader);
        // The request may have ended meanwhile.
        if (isLeft) return;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason): void => {
        isLeft = true;
        // A source that is slow to close delays no error.
        reader.cancel(reason).catch(() => {});
      },
    }, { highWaterMark: 0 });
    return Promise.resolve({ body, headers: {} });
  }

  /** Reads from the source; its error ends the request, and is what the caller hears of. */
  async #next(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      const step = await reader.read();
      if (!step.done && !(step.value instanceof Uint8Array)) throw noBytes(step.value);
      return step;
    } catch (error) {
      this.#failing.abort(error);
      throw error;
    }
  }
}

function isStream(
  source: object,
): source is ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> {
  return source instanceof ReadableStream || Symbol.asyncIterator in source;
}

function streamOf(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
): ReadableStream<Uint8Array> {
  if (source instanceof ReadableStream) return source;
  const items = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    pull: async (controller): Promise<void> => {
      const { value, done } = await items.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async (): Promise<void> => {
      await items.return?.();
    },
  }, { highWaterMark: 0 });
}

function noBytes(given: unknown): InvalidInputError {
  const kind = given === null ? "null" : typeof given;
  const message =
    `given ${kind}; allowed: a Uint8Array, a Blob, or a stream or an async iterable ` +
    "of Uint8Array";
  return new InvalidInputError(`Cannot add the file: source: ${message}`, [
    { path: "source", message },
  ]);
}
