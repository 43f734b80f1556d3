/**
 * Pings of a link that are not answered, also when nobody waits for them any more: a worker answers
 * each of them once.
 */
export class OpenPings {
  readonly #settle = new Map<number, (lost?: Error) => void>();

  /** Returns true for the number of a ping that is not answered. */
  has(id: number): boolean {
    return this.#settle.has(id);
  }

  /**
   * Sends a ping by `send`, and waits for its pong.
   *
   * @returns The time it took in milliseconds.
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

  /** Settles a ping: its pong has come. Does nothing when it is not open. */
  answered(id: number): void {
    const settle = this.#settle.get(id);
    this.#settle.delete(id);
    settle?.();
  }

  /** Fails all open pings: no pong will come any more. */
  failAll(lost: Error): void {
    for (const settle of [...this.#settle.values()]) settle(lost);
  }
}

/** Options of {@link OpenPings.ping}: the function that sends it, and the signal to leave by. */
export interface PingOptions {
  readonly send: () => void;
  readonly signal: AbortSignal;
}
