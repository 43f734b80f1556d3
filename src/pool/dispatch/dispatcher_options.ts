import type { SnakedenError } from "../../errors.ts";
import type { AffinityOptions } from "../affinity/mod.ts";
import type { Call } from "../calls/mod.ts";
import type { Worker } from "../workers/mod.ts";

/** Options of a dispatcher. */
export interface DispatcherOptions {
  /**
   * A worker has room while its calls are expected to run no longer than this; 0 sends nothing
   * ahead.
   */
  readonly budgetMs: number;
  readonly affinity: AffinityOptions;
  /** Called when a worker has answered a call, which proves that it works. */
  readonly onAnswered: (worker: Worker) => void;
  /**
   * Returns why a call that came back may not wait for another worker, or undefined when it may.
   */
  readonly refusalOf: (call: Call) => SnakedenError | undefined;
}

/** Hears of what may change how many workers are needed. */
export interface DemandListener {
  /** Called when a call waits. */
  waits(): void;
  /** Called when a call is sent to a worker. */
  takes(): void;
  /** Called when a worker has become idle. */
  idles(): void;
  /** The workers that may be started for calls, beyond those that are on their way. */
  readonly startable: number;
}

/** The room of a pool for more work, for those who bring some when there is room. */
export interface PoolRoom {
  /** The number of workers that are idle while no call waits. */
  readonly idle: number;
  /** The number of workers that may be started for calls, while no call waits. */
  readonly startable: number;
  /** Called when a worker has become idle; for one listener. It must not throw. */
  onIdle: (() => void) | undefined;
}
