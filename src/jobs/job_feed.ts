import type { JobState } from "../store/mod.ts";

/** News of a job: the state that it has now, or a report of its progress; or that none follow. */
export type JobNews =
  | { readonly type: "closed" }
  | { readonly type: "state"; readonly state: JobState }
  | { readonly type: "progress"; readonly progress: unknown };

/** Receives the news of a job. Must not throw. */
export type JobListener = (news: JobNews) => void;

/**
 * Passes on what this host does with jobs, at once. It is a hint: what counts is in the store,
 * and other hosts and restarts are seen only there.
 */
export class JobFeed implements Disposable {
  readonly #listeners = new Map<string, Set<JobListener>>();
  #isClosed = false;

  /** True once this host does nothing with jobs any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls `listener` with all news of a job; returns a function that ends that. */
  on(id: string, listener: JobListener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(id, listeners);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  /** Returns true if somebody listens to a job, so that news about it is worth its price. */
  hasListeners(id: string): boolean {
    return this.#listeners.has(id);
  }

  /** Tells the listeners of a job. */
  emit(id: string, news: JobNews): void {
    for (const listener of this.#listeners.get(id) ?? []) listener(news);
  }

  /** Tells all listeners that no news follow. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const id of [...this.#listeners.keys()]) this.emit(id, { type: "closed" });
  }
}
