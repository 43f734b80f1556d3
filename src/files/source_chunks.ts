import { noSource } from "./check_file.ts";
import type { FileSource } from "./file.ts";

/**
 * Yields the bytes of a source that is no file of this machine. If the signal aborts, its reason is
 * thrown at once, and the source is closed without waiting for it.
 *
 * @throws {InvalidInputError} For something that has no bytes. An error of the source is thrown as
 * it is.
 */
export async function* sourceChunks(
  source: Exclude<FileSource, { readonly path: string }>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  if (source instanceof Uint8Array) return yield source;
  const items = itemsOf(source);
  let isOver = false;
  try {
    while (true) {
      const { value, done } = await untilAborted(items.next(), signal).catch((error) => {
        // A source that has failed is closed already.
        isOver = signal?.aborted !== true;
        throw error;
      });
      if (done) {
        isOver = true;
        return;
      }
      if (!(value instanceof Uint8Array)) throw noSource(value);
      yield value;
    }
  } finally {
    if (!isOver) items.close();
  }
}

/** The items of a source, which can be closed while one is awaited. */
interface Items {
  next(): Promise<IteratorResult<unknown, unknown>>;
  /** Tells the source that nobody wants the rest. Never throws. */
  close(): void;
}

function itemsOf(source: unknown): Items {
  const stream = source instanceof Blob ? source.stream() : source;
  if (stream instanceof ReadableStream) {
    const reader = stream.getReader();
    return {
      next: async () => {
        const { value, done } = await reader.read();
        return { value, done };
      },
      close: () => void reader.cancel().catch(() => {}),
    };
  }
  if (typeof stream !== "object" || stream === null || !(Symbol.asyncIterator in stream)) {
    throw noSource(source);
  }
  const iterator = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    close: () => void Promise.try(() => iterator.return?.()).catch(() => {}),
  };
}

/** Waits for a step of a source, at most until the signal aborts. @throws Its reason. */
async function untilAborted<T>(step: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await step;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([step, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
