import type { Worker } from "../../workers/mod.ts";

/** The work of a pool, as far as it says how many workers are needed. */
export interface Demand {
  /** The number of calls that wait for any worker, and one more if somebody waits for its tools. */
  readonly waiting: number;
  /** The time since which the first of them waits; `Infinity` if there is none. */
  readonly waitingSince: number;
  /** The time that all of them will run together; `Infinity` if it is unknown. */
  readonly backlogMs: number;
  /** The time until a worker is free; `Infinity` if it is unknown. */
  readonly freeInMs: number;
  /** The number of workers that take calls. */
  readonly serving: number;
  /** The workers that have no call. */
  readonly idle: readonly Worker[];
  /** The number of calls that a worker runs at a time. */
  readonly capacity: number;
  /** Returns true if a worker has what would be lost with it: strict sessions, registered tools. */
  isHeld(worker: Worker): boolean;
}

/** A limit on the workers of several pools. */
export interface StartCap {
  /** Returns true if this pool may have one more worker above its `min` now. */
  mayStart(): boolean;
  /**
   * Returns how many more it may have now, or soon in the place of workers of other pools;
   * `Infinity` if nothing limits it. Asks for nothing. Default: as many as it wants while
   * {@link StartCap.mayStart} returns true.
   */
  room?(): number;
  /** Called when the pool has one worker less. */
  onRoomFreed?(): void;
}
