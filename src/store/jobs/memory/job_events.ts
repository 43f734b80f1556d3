import { SnakedenError } from "../../../errors.ts";
import type { JobEventOrReset } from "../job_filter.ts";
import { isFinal } from "../job_row.ts";
import type { JobStoreLimits } from "../job_store.ts";
import type { StoredJob } from "./stored_job.ts";

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

/** Lets readers follow the events of jobs. */
export class JobEventReaders {
  readonly #find: (id: string) => StoredJob | undefined;
  readonly #readers = new Map<string, Set<() => void>>();
  #isClosed = false;

  constructor(find: (id: string) => StoredJob | undefined) {
    this.#find = find;
  }

  /** Tells the readers of a job that it has changed. */
  wake(id: string): void {
    for (const ring of this.#readers.get(id) ?? []) ring();
  }

  /** Ends all readers with `shutting_down`, also later ones. */
  close(): void {
    this.#isClosed = true;
    for (const id of this.#readers.keys()) this.wake(id);
  }

  /** Yields the events of a job, as {@link JobStore.events} describes. */
  async *read(id: string, after: number, signal: AbortSignal): AsyncGenerator<JobEventOrReset> {
    let seq = after;
    let bell = Promise.withResolvers<void>();
    const ring = (): void => bell.resolve();
    this.#add(id, ring);
    signal.addEventListener("abort", ring);
    try {
      const { seq: number } = this.#find(id) ?? {};
      while (true) {
        signal.throwIfAborted();
        if (this.#isClosed) throw new SnakedenError("shutting_down", CLOSED);
        const job = this.#find(id);
        // Another job may have the id since this one was removed.
        if (job === undefined || job.seq !== number) return;
        const next = nextEvents(job, seq);
        if (next.length === 0) {
          if (isFinal(job.state)) return;
          await bell.promise;
          bell = Promise.withResolvers<void>();
        }
        for (const event of next) {
          signal.throwIfAborted();
          seq = event.seq;
          yield event.kind === "chunk" ? { ...event, body: event.body.slice() } : event;
        }
      }
    } finally {
      signal.removeEventListener("abort", ring);
      this.#delete(id, ring);
    }
  }

  #add(id: string, ring: () => void): void {
    this.#readers.set(id, (this.#readers.get(id) ?? new Set()).add(ring));
  }

  #delete(id: string, ring: () => void): void {
    const readers = this.#readers.get(id);
    readers?.delete(ring);
    if (readers?.size === 0) this.#readers.delete(id);
  }
}

const CLOSED = "Cannot read the events of a job: the store is closed";
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
