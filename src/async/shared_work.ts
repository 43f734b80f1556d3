/** Work that is being done for several callers. */
interface Running<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  callers: number;
}

/**
 * Does work once for all callers who need the same at the same time. A caller who leaves does not
 * stop the work of the others; when the last one leaves, it is aborted.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  /**
   * Waits for the work of `key`, and starts it unless it runs. The work gets a signal that aborts
   * when nobody waits any more; the last caller waits until it has ended.
   *
   * @throws The reason of `signal`, or what the work throws.
   */
  async run(
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      const found = this.#running.get(key);
      if (found?.controller.signal.aborted !== true) {
        return await this.#join(found ?? this.#start(key, work), signal);
      }
      // Everybody has left this one: it must end before it can begin again.
      await settled(found.result, signal);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const result = work(controller.signal).finally(() => this.#running.delete(key));
    result.catch(() => {});
    const running = { result, controller, callers: 0 };
    this.#running.set(key, running);
    return running;
  }

  async #join(running: Running<T>, signal: AbortSignal | undefined): Promise<T> {
    running.callers++;
    try {
      await settled(running.result, signal);
    } finally {
      running.callers--;
    }
    if (signal?.aborted !== true) return await running.result;
    if (running.callers === 0) {
      running.controller.abort(signal.reason);
      await settled(running.result);
    }
    throw signal.reason;
  }
}

/** Resolves when the promise has settled or the signal aborts. */
async function settled(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise.then(() => {}, () => {}), aborted]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
