import type { Demand } from "../supervision/mod.ts";
import type { Worker } from "../workers/mod.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** Options of {@link PoolDemand}. */
export interface PoolDemandOptions {
  readonly dispatcher: Dispatcher;
  /** The number of calls that a worker runs at a time. */
  readonly capacity: number;
  /** Returns true if somebody waits for a worker to tell its tools. */
  isAwaited(): boolean;
  /** Returns true if a worker has registered tools. */
  hasTools(worker: Worker): boolean;
  /** The current time on the clock of the pool. */
  now(): number;
}

/** The calls and workers of a dispatcher, as they say how many workers the pool needs. */
export class PoolDemand implements Demand {
  readonly #options: PoolDemandOptions;
  readonly #dispatcher: Dispatcher;

  constructor(options: PoolDemandOptions) {
    this.#options = options;
    this.#dispatcher = options.dispatcher;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  get waiting(): number {
    const { isPaused, queue } = this.#dispatcher;
    const calls = isPaused ? 0 : queue.size;
    return this.#options.isAwaited() ? calls + 1 : calls;
  }

  get waitingSince(): number {
    return this.#dispatcher.queue.first?.startedAt ?? Infinity;
  }

  get backlogMs(): number {
    const { first, size } = this.#dispatcher.queue;
    return first === undefined ? 0 : size * this.#dispatcher.expectedMs(first);
  }

  get freeInMs(): number {
    const now = this.#options.now();
    return this.#dispatcher.serving.reduce(
      (least, { inFlight: { window } }) => Math.min(least, window.freeInMs(now)),
      Infinity,
    );
  }

  get serving(): number {
    return this.#dispatcher.serving.length;
  }

  get idle(): readonly Worker[] {
    return this.#dispatcher.idleWorkers;
  }

  isHeld(worker: Worker): boolean {
    const { affinity } = this.#dispatcher;
    return this.#options.hasTools(worker) || affinity.hasStrict(worker, this.#options.now());
  }
}
