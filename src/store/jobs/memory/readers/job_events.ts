import { SnakedenError } from "../../../../errors.ts";
import type { JobEventOrReset } from "../../job_filter.ts";
import { isFinal } from "../../job_row.ts";
import type { JobStoreLimits } from "../../job_store.ts";
import type { JobReaders } from "./job_readers.ts";
import type { StoredJob } from "../stored_job.ts";

/** Adds chunks to the events of a running job, and drops those that are too many. */
export function addChunks(
  job: StoredJob,
  chunks: readonly Uint8Array<ArrayBuffer>[],
  { now, limits }: { readonly now: number; readonly limits: JobStoreLimits },
): void {
  for (const chunk of chunks) {
    const body = chunk.slice();
    job.events.push({ kind: "chunk", seq: ++job.lastEvent, at: now, run: job.run, body });
    job.chunks++;
    job.chunkBytes += body.byteLength;
  }
  const isTooMuch = (): boolean =>
    job.chunks > limits.maxChunks || job.chunkBytes > limits.maxChunkBytes;
  if (!isTooMuch()) return;
  job.events = job.events.filter((event) => {
    if (event.kind !== "chunk" || !isTooMuch()) return true;
    job.chunks--;
    job.chunkBytes -= event.body.byteLength;
    job.lastGone = event.seq;
    return false;
  });
}

/** Adds the end of a job to its events. */
export function addEnd(job: StoredJob, now: number): void {
  job.events.push({ kind: "end", seq: ++job.lastEvent, at: now, state: job.state });
}

/** Yields the events of a job, as {@link JobStore.events} describes. */
export async function* readEvents(
  readers: JobReaders,
  id: string,
  { after, signal }: { readonly after: number; readonly signal: AbortSignal },
): AsyncGenerator<JobEventOrReset> {
  using reader = readers.open(id, signal);
  let seq = after;
  while (true) {
    signal.throwIfAborted();
    if (readers.isClosed) throw new SnakedenError("shutting_down", CLOSED);
    const job = reader.job;
    if (job === undefined) return;
    const next = nextEvents(job, seq);
    if (next.length === 0) {
      if (isFinal(job.state)) return;
      await reader.news();
    }
    for (const event of next) {
      signal.throwIfAborted();
      seq = event.seq;
      yield event.kind === "chunk" ? { ...event, body: event.body.slice() } : event;
    }
  }
}

const CLOSED = "Cannot follow a job: the store is closed";
const EVENTS_AT_ONCE = 100;

function nextEvents(job: StoredJob, seq: number): JobEventOrReset[] {
  if (seq < job.lastGone) return [{ kind: "reset", seq: job.lastGone }];
  let [low, high] = [0, job.events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((job.events[middle]?.seq ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return job.events.slice(low, low + EVENTS_AT_ONCE);
}
