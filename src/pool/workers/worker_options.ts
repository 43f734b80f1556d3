import type { Alarms } from "../../async/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import type { Attempt, Call } from "../calls/mod.ts";
import type { Profile } from "../profiles/mod.ts";
import type { ReplaceCause } from "./end_cause.ts";
import type { WorkerLimits } from "./worker_limits.ts";

/**
 * The state of a worker.
 *
 * `starting` -> `ready` when the launcher has started it; `ready` <-> `busy` as calls are in
 * flight; `ready | busy` -> `stopping` when it is stopped; any -> `gone` at the first sign of its
 * end. A worker that is gone never returns: its replacement is another one with the same id and
 * another incarnation.
 */
export type WorkerState = "starting" | "ready" | "busy" | "stopping" | "gone";

/** The times that the steps of stopping may take. */
export interface StopOptions {
  /** The time for the calls that run, and for teardown(). */
  readonly drainMs: number;
  /** The time between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** True lets running calls take all the time that their own deadlines allow. */
  readonly patient?: boolean;
}

/** Options of a worker. */
export interface WorkerOptions {
  /** The id, such as `default-3`. */
  readonly id: string;
  readonly incarnation: string;
  /** The place of the worker in its pool, in the order of creation. Default 0. */
  readonly order?: number;
  /** The device that it is given. Default none. */
  readonly place?: Place | undefined;
  /** The prefix of the ids of its calls. Default none. */
  readonly callPrefix?: string | undefined;
  /** The alarms of running calls. */
  readonly alarms: Alarms;
  /** The way in which it runs its calls. */
  readonly profile: Profile;
  /** The limits of the worker, which may explain its end. */
  readonly limits?: WorkerLimits;
  /** The most calls that the worker is given. Default: any number. */
  readonly maxCalls?: number;
  /** The call with which {@link WorkerListener.onWorn} is called. */
  readonly renewAtCall?: number;
}

/** Receives the events of a worker's life; `W` is the worker. */
export interface WorkerListener<W> {
  /**
   * Called when it takes no more calls: its stream or its process has ended. `died()` returns the
   * rest.
   */
  onLost(worker: W): void;
  /** Called when the worker was asked to end from outside the host, by the signal `leavingFor`. */
  onLeaving(worker: W): void;
  /** Called when it reports how much memory it holds. */
  onMemory(worker: W, rssBytes: number): void;
  /** Called when it has imported a source file of the user, if its files are watched. */
  onImported?(path: string): void;
  /**
   * Called when it must be replaced: it was given its call number `renewAtCall`, or for `cause`.
   */
  onWorn(worker: W, cause?: ReplaceCause | undefined): void;
}

/** Gives a worker its calls, and is notified when it has room for more. */
export interface CallSource<W> {
  /** Called when the worker has answered an attempt, and the attempt's room is free. */
  onAnswered(worker: W, attempt: Attempt): void;
  /** Called when the worker gave a call back, and its room is free. */
  onGivenBack(worker: W, call: Call): void;
}
