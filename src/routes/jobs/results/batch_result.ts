import type { Jobs } from "../../../jobs/mod.ts";

/** The media type of the result of a batch. */
export const NDJSON = "application/x-ndjson";

/** A part of the bytes of a result; `end` is behind its last byte. */
export interface ResultRange {
  readonly start: number;
  readonly end: number;
}

/** Options of {@link resultStream}. */
export interface ResultStreamOptions {
  readonly follow: boolean;
  readonly range: ResultRange;
}

/**
 * Returns the lines of the result of a batch as a stream, which is read from the store as its
 * reader reads it.
 */
export function resultStream(
  jobs: Pick<Jobs, "outputs">,
  id: string,
  { follow, range }: ResultStreamOptions,
): ReadableStream<Uint8Array> {
  const leaving = new AbortController();
  const chunks = chunksOf(jobs.outputs(id, { follow, signal: leaving.signal }), range);
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(): Promise<void> {
      leaving.abort(new DOMException("The reader has left", "AbortError"));
      await chunks.return(undefined).catch(() => {});
    },
  }, { highWaterMark: 0 });
}

/**
 * Looks at the first byte of a range, if it is there already: once the response has begun, an error
 * could only cut it.
 *
 * @throws {SnakedenError} `unknown_job`; `store_failed` if the byte is missing or damaged.
 */
export async function checkStart(
  jobs: Pick<Jobs, "outputs">,
  id: string,
  { start, end }: ResultRange,
): Promise<void> {
  const first = { start, end: Math.min(start + 1, end) };
  for await (const _ of chunksOf(jobs.outputs(id, { follow: false }), first)) return;
}

/** Yields the bytes of a range of outputs. Parts before it are not read. */
async function* chunksOf(
  outputs: ReturnType<Jobs["outputs"]>,
  { start, end }: ResultRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const output of outputs) {
    const from = Math.max(0, start - at);
    const to = Math.min(output.bytes, end - at);
    if (from < to) yield* output.read({ start: from, end: to });
    at += output.bytes;
    if (at >= end) return;
  }
}
