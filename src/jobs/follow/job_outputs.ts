import { Value } from "../../bridge/mod.ts";
import { parseExact } from "../../json/mod.ts";
import type { Blobs, JobStore, StoredOutput } from "../../store/mod.ts";
import type { BatchResult } from "../job.ts";
import { StoredBlob } from "../stored_blob.ts";

/** A part of the outputs of a job. */
export interface JobOutput {
  /** The place behind it, for a reader that goes on there. */
  readonly seq: number;
  readonly items: number;
  readonly bytes: number;
  /**
   * Returns its bytes from `start` on, in chunks.
   *
   * @throws {SnakedenError} `store_failed` if they are missing or damaged.
   */
  read(range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}

/** Options of {@link jobOutputs}. */
export interface JobOutputsOptions {
  readonly store: Pick<JobStore, "outputs">;
  readonly blobs: Pick<Blobs, "open">;
  readonly after: number;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Yields the parts of the outputs of a job. */
export async function* jobOutputs(
  id: string,
  { store, blobs, after, ...options }: JobOutputsOptions,
): AsyncGenerator<JobOutput, void, undefined> {
  for await (const part of store.outputs(id, after, options)) {
    if (part.kind === "part") yield outputOf(id, part, blobs);
  }
}

function outputOf(
  jobId: string,
  { seq, items, body }: Extract<StoredOutput, { readonly kind: "part" }>,
  blobs: Pick<Blobs, "open">,
): JobOutput {
  if (body instanceof Uint8Array) {
    return {
      seq,
      items,
      bytes: body.byteLength,
      async *read(range = { start: 0, end: body.byteLength }): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(body.subarray(range.start, range.end));
      },
    };
  }
  const blob = new StoredBlob(body, { jobId, blobs });
  return {
    seq,
    items,
    bytes: blob.bytes,
    async *read(range): AsyncGenerator<Uint8Array> {
      yield* await blob.open(range);
    },
  };
}

const TAG = '"$snakeden"';
/** The beginning of a line with a result. */
const RESULT = /^\{"index":\d+,"result":/;

/** Yields the results of a batch, decoded, from the lines of its outputs. */
export async function* batchResults<T>(
  outputs: AsyncIterable<JobOutput>,
): AsyncGenerator<BatchResult<T>, void, undefined> {
  for await (const output of outputs) {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of output.read()) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield resultOf<T>(line);
    }
  }
}

function resultOf<T>(line: string): BatchResult<T> {
  if (!RESULT.test(line)) return JSON.parse(line);
  const { index, result } = parseExact(line) as BatchResult<T> & { readonly result: T };
  if (!line.includes(TAG)) return { index, result };
  return { index, result: Value.fromJsonTree(result).decode() as T };
}
