import type { StoredJob } from "../stored_job.ts";

/** One reader of a job, which waits for its news. */
export interface JobReading extends Disposable {
  /** The job; undefined if it was removed, also if another one has its id since. */
  readonly job: StoredJob | undefined;
  /** Resolves when the job may have changed, the signal has aborted, or the store was closed. */
  news(): Promise<void>;
}

/** Those who read what jobs have written, and wait for more. */
export class JobReaders {
  readonly #find: (id: string) => StoredJob | undefined;
  readonly #rings = new Map<string, Set<() => void>>();
  #isClosed = false;

  constructor(find: (id: string) => StoredJob | undefined) {
    this.#find = find;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tells the readers of a job that it has changed. */
  wake(id: string): void {
    for (const ring of this.#rings.get(id) ?? []) ring();
  }

  /** Wakes all readers, which must end then, also later ones. */
  close(): void {
    this.#isClosed = true;
    for (const id of this.#rings.keys()) this.wake(id);
  }

  /** Begins to read a job. The reader must be disposed. */
  open(id: string, signal: AbortSignal): JobReading {
    const find = this.#find;
    let bell = Promise.withResolvers<void>();
    const ring = (): void => bell.resolve();
    this.#rings.set(id, (this.#rings.get(id) ?? new Set()).add(ring));
    signal.addEventListener("abort", ring);
    const { seq } = find(id) ?? {};
    return {
      get job(): StoredJob | undefined {
        const job = find(id);
        return job?.seq === seq ? job : undefined;
      },
      news: async (): Promise<void> => {
        await bell.promise;
        bell = Promise.withResolvers<void>();
      },
      [Symbol.dispose]: () => {
        signal.removeEventListener("abort", ring);
        this.#delete(id, ring);
      },
    };
  }

  #delete(id: string, ring: () => void): void {
    const rings = this.#rings.get(id);
    rings?.delete(ring);
    if (rings?.size === 0) this.#rings.delete(id);
  }
}
