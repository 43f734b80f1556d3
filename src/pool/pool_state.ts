import { Condition } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";

/**
 * `starting` until a worker is ready; `ready` while one is; `unhealthy` when none is and too many
 * starts failed in a row, or all its devices are unhealthy (it goes on trying, with pauses);
 * `stopping` and `stopped` by `Pool.stop()`.
 */
export type PoolState = "starting" | "ready" | "unhealthy" | "stopping" | "stopped";

/** A change of a pool's state. */
export interface PoolTransition {
  readonly pool: string;
  readonly from: PoolState;
  readonly to: PoolState;
}

/** The states that may follow each state. */
const ARROWS: Readonly<Record<PoolState, readonly PoolState[]>> = {
  // The first worker is ready; too many starts failed, or every slot waits for its device.
  starting: ["ready", "unhealthy", "stopping"],
  // The last worker takes no more calls; it was told to end by somebody else, after too many
  // failures or when its device was unhealthy.
  ready: ["starting", "unhealthy", "stopping"],
  // A worker that takes no more calls has answered one, which proves that starts can succeed, or a
  // worker starts on a device again; a worker is ready.
  unhealthy: ["starting", "ready", "stopping"],
  stopping: ["stopped"],
  stopped: [],
};

/**
 * The state of a pool. The pool sets it: `ready` once a worker takes calls; `starting` or
 * `unhealthy` while none does, depending on its health; `stopping` and `stopped` by `Pool.stop()`.
 * Each change is checked and logged, and listeners and waiters are notified.
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
   * Changes to a state; does nothing if the pool is already in it.
   *
   * @throws {SnakedenError} `internal` if the current state does not lead there.
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

  /**
   * Calls `listener` after each change, before waiters resume; returns a function that removes it.
   */
  onTransition(listener: (transition: PoolTransition) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Resolves once the state is not `starting`.
   *
   * @throws The reason of `signal`.
   */
  async whenStarted(signal?: AbortSignal): Promise<void> {
    await this.#changed.until(() => this.#state !== "starting", signal);
  }
}
