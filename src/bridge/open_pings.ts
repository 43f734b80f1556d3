/**
 * The unanswered pings of a link. A ping stays even after its caller has left, since the worker
 * still answers it, once.
 */
export class OpenPings {
  readonly #settle = new Map<number, (lost?: Error) => void>();

  /** Returns true for the id of an unanswered ping. */
  has(id: number): boolean {
    return this.#settle.has(id);
  }

  /**
   * Sends a ping with `send` and waits for its pong.
   *
   * @returns The time until the pong, in milliseconds.
   * @throws The error of {@link OpenPings.failAll}, or the reason of `signal`.
   */
  async ping(id: number, { send, signal }: PingOptions): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#settle.set(id, (lost) => lost === undefined ? resolve() : reject(lost));
    const sentAt = performance.now();
    send();
    try {
      await promise;
      return performance.now() - sentAt;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Settles a ping whose pong has come. Does nothing if the ping is not open. */
  answered(id: number): void {
    const settle = this.#settle.get(id);
    this.#settle.delete(id);
    settle?.();
  }

  /** Fails all open pings, since no pong will come. */
  failAll(lost: Error): void {
    for (const settle of [...this.#settle.values()]) settle(lost);
  }
}

/**
 * Options of {@link OpenPings.ping}: the function that sends the ping, and the signal of its
 * caller.
 */
export interface PingOptions {
  readonly send: () => void;
  readonly signal: AbortSignal;
}
