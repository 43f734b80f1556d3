/** A wait for news of a job. */
export interface Watch {
  /** Resolves when the job has news; rejects with the reason of the signal, or at the close. */
  readonly woken: Promise<void>;
  stop(): void;
}

/** Those who follow the events of jobs. */
export class JobWatchers {
  readonly #waiting = new Map<string, Set<PromiseWithResolvers<void>>>();
  #closed: Error | undefined;

  /** True if nobody follows a job. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Begins a wait. The caller must stop it. */
  watch(id: string, signal: AbortSignal): Watch {
    const waiter = Promise.withResolvers<void>();
    // One that is not awaited must not end the program.
    waiter.promise.catch(() => {});
    if (this.#closed !== undefined) waiter.reject(this.#closed);
    const waiters = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiters.add(waiter));
    const abort = (): void => waiter.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    return {
      woken: waiter.promise,
      stop: () => {
        signal.removeEventListener("abort", abort);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#waiting.get(id) === waiters) this.#waiting.delete(id);
      },
    };
  }

  /** Wakes those who follow a job. */
  wake(id: string): void {
    for (const waiter of this.#waiting.get(id) ?? []) waiter.resolve();
  }

  /** Wakes all. */
  wakeAll(): void {
    for (const waiters of this.#waiting.values()) for (const it of waiters) it.resolve();
  }

  /** Ends all waits, and all later ones, with an error. */
  close(error: Error): void {
    this.#closed ??= error;
    for (const waiters of this.#waiting.values()) for (const it of waiters) it.reject(error);
  }
}
