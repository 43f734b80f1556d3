/** Wakes those who wait for a state to be reached, so that nobody has to poll. */
export class Condition {
  readonly #listeners = new Set<() => void>();

  /** Checks all waiting conditions. The owner calls this after every change. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Resolves as soon as `condition` returns true: at once, or after a {@link Condition.notify}.
   *
   * @throws The reason of `signal`.
   */
  async until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (condition()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onChange = (): void => condition() ? resolve() : undefined;
    const onAbort = (): void => reject(signal?.reason);
    this.#listeners.add(onChange);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#listeners.delete(onChange);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
