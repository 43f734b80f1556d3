import type { SnakedenError } from "../../errors.ts";
import type { AffinityOptions } from "../affinity/mod.ts";
import type { Call } from "../calls/mod.ts";
import type { Profile } from "../profiles/mod.ts";
import type { Worker } from "../workers/mod.ts";

/** Options of a dispatcher. */
export interface DispatcherOptions {
  /**
   * A worker has room while its calls are expected to run no longer than this; 0 sends nothing
   * ahead.
   */
  readonly budgetMs: number;
  readonly affinity: AffinityOptions;
  /** The way in which the workers run calls. Default: one call at a time. */
  readonly profile?: Pick<Profile, "capacity" | "spreads">;
  /** Called when a worker has answered a call, which proves that it works. */
  readonly onAnswered: (worker: Worker) => void;
  /**
   * Returns why a call that came back may not wait for another worker, or undefined when it may.
   */
  readonly refusalOf: (call: Call) => SnakedenError | undefined;
}

/** The room of a pool for more work, for those who bring some when there is room. */
export interface PoolRoom {
  /** The number of calls that would begin at once, while none waits. */
  readonly idle: number;
  /** Called when there is room for one more call that begins at once. It must not throw. */
  onIdle: (() => void) | undefined;
}
