/** Lets others wait until something holds, without asking again and again. */
export class Condition {
  readonly #listeners = new Set<() => void>();

  /** Something changed that somebody may be waiting for. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Resolves when the condition holds, now or after a change.
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
