import type { SnakedenError } from "../../errors.ts";
import type { AffinityOptions } from "../affinity/mod.ts";
import type { Call } from "../calls/mod.ts";
import type { ProfileName, ProfileSettings } from "../profiles/mod.ts";
import type { Worker } from "../workers/mod.ts";

/** Options of a dispatcher. */
export interface DispatcherOptions {
  /**
   * A worker has room while its calls are expected to run no longer than this; 0 sends nothing
   * ahead.
   */
  readonly budgetMs: number;
  readonly affinity: AffinityOptions;
  /** The settings that decide how the workers run calls. Default: one call at a time. */
  readonly profile?: ProfileSettings & { readonly profile: ProfileName };
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
  /**
   * The calls that workers have room for which are on their way, or may be started, beyond those
   * that wait; less than 0 if more wait.
   */
  readonly unclaimed: number;
}

/** The room of a pool for more work, for those who bring some when there is room. */
export interface PoolRoom {
  /** The number of calls that its workers run at a time. */
  readonly capacity: number;
  /** The number of calls that would begin at once, while none waits. */
  readonly idle: number;
  /**
   * The number of calls that would begin once workers are ready that start, or may be started, for
   * them. Always 0 if the number of workers does not depend on the work.
   */
  readonly startable: number;
  /**
   * Called when there is room for one more call that begins at once; for one listener. It must not
   * throw.
   */
  onIdle: (() => void) | undefined;
}
