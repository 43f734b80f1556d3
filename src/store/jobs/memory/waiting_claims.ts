import type { Clock } from "../../../async/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { ClaimAsk } from "../claim.ts";

/** The longest wait of a timer, which takes at most 2^31 ms. */
const MAX_WAIT_MS = 86_400_000;

interface Waiting<T> {
  readonly ask: ClaimAsk;
  end(taken: readonly T[]): void;
  fail(reason: unknown): void;
}

/** The parts of a store that {@link WaitingClaims} needs. */
export interface WaitingClaimsDeps<T> {
  readonly timer: Pick<Clock, "after">;
  /** Takes jobs, if some can be taken. */
  take(ask: ClaimAsk): readonly T[];
  /** Returns the time from now until time alone may give a job; Infinity if it will not. */
  waitMs(): number;
}

/** The claims that wait for a job, first come, first served. */
export class WaitingClaims<T> {
  readonly #waiting = new Set<Waiting<T>>();
  readonly #deps: WaitingClaimsDeps<T>;
  #hasRung = false;
  #stopTimer: () => void = () => {};
  #isClosed = false;

  constructor(deps: WaitingClaimsDeps<T>) {
    this.#deps = deps;
  }

  /** Takes jobs now, or waits for some. */
  async take(ask: ClaimAsk): Promise<readonly T[]> {
    const { signal, waitMs } = ask;
    signal?.throwIfAborted();
    const taken = this.#deps.take(ask);
    if (taken.length > 0 || waitMs <= 0) return taken;
    const { promise, resolve, reject } = Promise.withResolvers<readonly T[]>();
    // It leaves the list at once, since jobs that are given to it later would be lost.
    const settle = (answer: () => void): void => {
      this.#waiting.delete(waiting);
      answer();
    };
    const waiting: Waiting<T> = {
      ask,
      end: (taken) => settle(() => resolve(taken)),
      fail: (reason) => settle(() => reject(reason)),
    };
    const onAbort = (): void => waiting.fail(signal?.reason);
    const stop = this.#deps.timer.after(Math.min(waitMs, MAX_WAIT_MS), () => waiting.end([]));
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(waiting);
    this.#arm();
    if (this.#isClosed) this.close();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      stop();
      if (this.#waiting.size === 0) this.#stopTimer();
    }
  }

  /** Notes that jobs may have become available. Those of one turn are handed out together. */
  ring(): void {
    if (this.#hasRung || this.#waiting.size === 0) return;
    this.#hasRung = true;
    queueMicrotask(() => {
      this.#hasRung = false;
      this.#serve();
    });
  }

  /** Ends all waits with `shutting_down`, also later ones. */
  close(): void {
    this.#isClosed = true;
    const error = new SnakedenError("shutting_down", "Cannot claim jobs: the store is closed");
    for (const waiting of [...this.#waiting]) waiting.fail(error);
  }

  #serve(): void {
    for (const waiting of [...this.#waiting]) {
      const taken = this.#deps.take(waiting.ask);
      if (taken.length > 0) waiting.end(taken);
    }
    this.#arm();
  }

  #arm(): void {
    this.#stopTimer();
    if (this.#waiting.size === 0) return;
    const waitMs = this.#deps.waitMs();
    if (waitMs === Infinity) return;
    const delayMs = Math.max(0, Math.min(waitMs, MAX_WAIT_MS));
    this.#stopTimer = this.#deps.timer.after(delayMs, () => this.#serve());
  }
}
