import type { WorkerExit } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { Deadlines } from "./deadlines.ts";
import type { HeartbeatOptions } from "./heartbeat.ts";
import type { Launcher } from "./launcher.ts";
import type { RecycleOptions } from "./recycle_policy.ts";
import type { TaintOptions } from "./taints.ts";
import type { StopOptions, Worker } from "./worker.ts";
import type { WorkerLimits } from "./worker_limits.ts";

/** How a set of workers is kept. */
export interface SupervisorOptions extends StopOptions, TaintOptions {
  /** Name of the pool; the workers are `name-1`, `name-2`, ... */
  readonly name: string;
  readonly size: number;
  /** Workers that may be starting at a time. */
  readonly startConcurrency: number;
  /** Signs of life. With `dependent: false` a frozen worker is only written to the log. */
  readonly heartbeat: HeartbeatOptions & { readonly dependent: boolean };
  readonly recycle: RecycleOptions;
  readonly limits: WorkerLimits;
  /** Time that processes have to be gone once they were killed; one that waits for a broken disk never is. */
  readonly reapMs?: number;
}

/** What the pool is told. */
export interface SupervisorEvents {
  /** A worker takes calls from now on. */
  onReady(worker: Worker): void;
  /** A worker takes no more calls. */
  onLost(worker: Worker): void;
  /** A worker is dead. What it had in flight is in {@link Worker.remains}. */
  onGone(worker: Worker, exit: WorkerExit): void;
  /** A worker could not be started. */
  onStartFailed(): void;
  /** A worker that had taken all its calls takes more, since nobody can succeed it. */
  onReprieved(worker: Worker): void;
}

/** What a set of workers is kept with. */
export interface SupervisorDeps {
  readonly launcher: Launcher;
  /** Where workers look after the calls that they run. */
  readonly alarms: Deadlines;
  readonly clock: Clock;
}
