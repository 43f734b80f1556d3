import { Condition } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";

/**
 * `starting` until a worker is ready; `ready` while one is; `unhealthy` when none is and too many starts failed in a row
 * (it goes on trying, with pauses); `stopping` and `stopped` by `Pool.stop()`.
 */
export type PoolState = "starting" | "ready" | "unhealthy" | "stopping" | "stopped";

/** One step of a pool from a state to another one. */
export interface PoolTransition {
  readonly pool: string;
  readonly from: PoolState;
  readonly to: PoolState;
}

/** The states that may follow each state. */
const ARROWS: Readonly<Record<PoolState, readonly PoolState[]>> = {
  // The first worker is ready; too many starts failed.
  starting: ["ready", "unhealthy", "stopping"],
  // The last worker is gone; the same after too many failures.
  ready: ["starting", "unhealthy", "stopping"],
  // An old worker, which no longer takes calls, has answered one; a worker is ready.
  unhealthy: ["starting", "ready", "stopping"],
  stopping: ["stopped"],
  stopped: [],
};

/**
 * The state of a pool. The pool moves it: to `ready` with the first worker that takes calls, to
 * `starting` or `unhealthy` when none does, as its health says, and to `stopping` and `stopped` by
 * `Pool.stop()`. Each step is checked and logged, and listeners and waiters are notified.
 */
export class PoolLifecycle {
  readonly #pool: string;
  readonly #log = getLogger("pool");
  readonly #listeners = new Set<(transition: PoolTransition) => void>();
  readonly #changed = new Condition();
  #state: PoolState = "starting";

  /** @param pool The name of the pool. */
  constructor(pool: string) {
    this.#pool = pool;
  }

  get state(): PoolState {
    return this.#state;
  }

  /** True while the pool may still get a worker: until it is stopped. */
  get isOpen(): boolean {
    return this.#state !== "stopping" && this.#state !== "stopped";
  }

  /**
   * Moves to a state; does nothing when it is the state already.
   *
   * @throws {SnakedenError} `internal` when no arrow leads there.
   */
  transition(to: PoolState): void {
    const [pool, from] = [this.#pool, this.#state];
    if (from === to) return;
    if (!ARROWS[from].includes(to)) {
      throw new SnakedenError("internal", `Cannot make the pool ${pool} ${to}: it is ${from}`);
    }
    this.#state = to;
    this.#log.debug("the pool {pool} is {to}; it was {from}", { pool, from, to });
    for (const listener of [...this.#listeners]) listener({ pool, from, to });
    this.#changed.notify();
  }

  /** Calls `listener` after each step, before it can be waited for; returns a function that ends that. */
  onTransition(listener: (transition: PoolTransition) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Resolves when the state is not `starting`, now or after a step.
   *
   * @throws The reason of `signal`.
   */
  async whenStarted(signal?: AbortSignal): Promise<void> {
    await this.#changed.until(() => this.#state !== "starting", signal);
  }
}
