import type { Clock } from "../async/mod.ts";
import type { HostServices } from "./calls/mod.ts";
import type { AffinityOptions } from "./affinity/mod.ts";
import type { StatsCounter } from "./pool_stats.ts";
import type { CrashOptions } from "./crashes/mod.ts";
import type { SupervisorDeps, SupervisorOptions } from "./supervision/mod.ts";

/**
 * Options of a pool; times are in milliseconds. `drainMs` is the time that running calls have when
 * the pool, or a worker, stops.
 */
export interface PoolOptions extends SupervisorOptions, CrashOptions, AffinityOptions {
  /** The number of calls that may wait. */
  readonly queueLimit: number;
  /** The deadline of a call that names none, of a tool that declares none. */
  readonly timeoutMs: number;
  /** The time that a call may show nothing, of a tool that declares none. Default 0: no limit. */
  readonly stallTimeoutMs?: number;
  /** The time that cancelled work has to stop before its worker is killed. */
  readonly cancelGraceMs: number;
  /**
   * The longest time that the calls of a worker may be expected to run while more are sent ahead
   * to it; 0 sends none ahead.
   */
  readonly pipelineBudgetMs: number;
  /** The cure for a module that a call could not import, for the text of its error. */
  readonly moduleCure?: string | undefined;
  /** True if the files of the code are watched; see `PoolCode`. */
  readonly dev?: boolean;
}

/** Collaborators of a pool. */
export interface PoolDeps extends Omit<SupervisorDeps, "alarms" | "clock"> {
  /** Default: the clock of the system. */
  readonly clock?: Clock | undefined;
  /** Counts its calls. Default: a new one. */
  readonly stats?: StatsCounter | undefined;
  /** Answers what tools ask the host for. Default: every ask is refused. */
  readonly services?: HostServices | undefined;
}
