import type { DemandListener, PoolRoom } from "./dispatcher_options.ts";
import { freePlaces, type Roomy } from "./least_loaded.ts";

/** The calls and workers of a dispatcher. */
export interface Dispatching {
  readonly queue: { readonly size: number };
  readonly serving: readonly Roomy[];
  readonly idleWorkers: readonly unknown[];
  readonly isPaused: boolean;
  readonly scaling: DemandListener | undefined;
}

/** The room of a dispatcher for more calls. */
export class DispatcherRoom implements PoolRoom {
  onIdle: (() => void) | undefined = undefined;
  readonly #dispatcher: Dispatching;
  readonly #places: number;

  /** @param places The number of calls that a worker runs at a time. */
  constructor(dispatcher: Dispatching, places: number) {
    this.#dispatcher = dispatcher;
    this.#places = places;
  }

  get capacity(): number {
    return this.#dispatcher.serving.length * this.#places;
  }

  get idle(): number {
    const { queue, serving, idleWorkers, isPaused } = this.#dispatcher;
    // Calls that wait for one worker alone take no place of another one.
    if (queue.size > 0 || isPaused) return 0;
    if (this.#places === 1) return idleWorkers.length;
    return serving.reduce((sum, it) => sum + freePlaces(it), 0);
  }

  get startable(): number {
    const { isPaused, scaling } = this.#dispatcher;
    return isPaused ? 0 : Math.max(0, scaling?.unclaimed ?? 0);
  }
}
