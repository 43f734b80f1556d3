import { type ErrorCode, SnakedenError } from "../errors.ts";

/**
 * The calls of a pool so far, by outcome, and its restarts. `requests` counts all calls, including
 * those that are queued or running.
 */
export interface PoolStats {
  /** All calls so far. */
  readonly requests: number;
  /** Calls answered with a result. */
  readonly completed: number;
  /** Calls answered with an error of the tool or of its arguments. */
  readonly failed: number;
  /** Calls whose caller left. */
  readonly cancelled: number;
  /** Calls whose deadline passed. */
  readonly timedOut: number;
  /** Calls whose worker died, and that could not run again. */
  readonly crashed: number;
  /**
   * Calls that were not accepted, or were rejected from the queue: the queue is full, the pool is
   * unhealthy or stopping, the worker of the session is busy or gone, or the call is poison.
   */
  readonly refused: number;
  /** Calls refused because the queue was full; part of `refused`. */
  readonly saturated: number;
  /** Workers started to replace others. */
  readonly restarts: number;
  /**
   * Replacements of live workers, because of their age, calls or memory, because of new code, or
   * on request; part of `restarts`.
   */
  readonly recycled: number;
}

/** The counts of a pool that are kept by those who look after its workers. */
export interface WorkerCounts extends Pick<PoolStats, "restarts" | "recycled"> {
  /** See {@link CrashStats}. */
  readonly total: number;
  readonly reruns: number;
  readonly poisoned: number;
}

type CallCounts = Omit<PoolStats, "restarts" | "recycled">;
type Counts = CallCounts & WorkerCounts;

const NO_WORKERS: WorkerCounts = { restarts: 0, recycled: 0, total: 0, reruns: 0, poisoned: 0 };

/**
 * Counts calls, each of which ends in exactly one of the counters, and adds what a pool counts of
 * its workers. A pool that takes the place of another one goes on with the counts of that one.
 */
export class StatsCounter {
  readonly #counts = {
    requests: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    timedOut: 0,
    crashed: 0,
    refused: 0,
    saturated: 0,
  };

  #workers: () => WorkerCounts = () => NO_WORKERS;
  /** The counts of the pool that this one has replaced, whose calls may still run. */
  #before: StatsCounter | undefined;
  /** Its last counts, once they do not change any more. */
  #past: Counts | undefined;
  #isClosed = false;
  #onIdle: (() => void) | undefined;
  #open = 0;

  /** @param before The counter of the pool that is replaced. Its counts are added to these. */
  constructor(before?: StatsCounter) {
    this.#before = before;
  }

  requested(): void {
    this.#counts.requests++;
    this.#open++;
  }

  /** Counts a call that has ended; without an error it was completed. */
  ended(error: unknown): void {
    this.#counts[counterOf(error)]++;
    if (error instanceof SnakedenError && error.code === "pool_saturated") this.#counts.saturated++;
    if (--this.#open === 0 && this.#onIdle !== undefined) this.#onIdle();
  }

  /** Resolves when no call waits or runs in this pool. */
  async idle(): Promise<void> {
    if (this.#open === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#onIdle;
    this.#onIdle = () => {
      before?.();
      resolve();
    };
    await promise;
  }

  /** Reads the counts of the workers from now on. */
  follow(workers: () => WorkerCounts): void {
    this.#workers = workers;
  }

  /** Keeps the last counts of the workers, which are gone. */
  close(): void {
    const last = { ...this.#workers() };
    this.#workers = () => last;
    this.#isClosed = true;
  }

  /** The counts of calls and workers, including those of the pools that this one has replaced. */
  get snapshot(): PoolStats {
    const { total: _total, reruns: _reruns, poisoned: _poisoned, ...stats } = this.#sum;
    return stats;
  }

  /** The counts of crashes, including those of the pools that this one has replaced. */
  get crashes(): Omit<WorkerCounts, "restarts" | "recycled"> {
    const { total, reruns, poisoned } = this.#sum;
    return { total, reruns, poisoned };
  }

  get #sum(): Counts {
    const { restarts, recycled, total, reruns, poisoned } = this.#workers();
    const own = { ...this.#counts, restarts, recycled, total, reruns, poisoned };
    const before = this.#before;
    const past = before === undefined ? this.#past : before.#sum;
    if (before !== undefined && before.#isClosed && before.#open === 0) {
      this.#past = past;
      this.#before = undefined;
    }
    return past === undefined ? own : sumOf(own, past);
  }
}

function sumOf(a: Counts, b: Counts): Counts {
  return {
    requests: a.requests + b.requests,
    completed: a.completed + b.completed,
    failed: a.failed + b.failed,
    cancelled: a.cancelled + b.cancelled,
    timedOut: a.timedOut + b.timedOut,
    crashed: a.crashed + b.crashed,
    refused: a.refused + b.refused,
    saturated: a.saturated + b.saturated,
    restarts: a.restarts + b.restarts,
    recycled: a.recycled + b.recycled,
    total: a.total + b.total,
    reruns: a.reruns + b.reruns,
    poisoned: a.poisoned + b.poisoned,
  };
}

type Counter = "completed" | "failed" | "cancelled" | "timedOut" | "crashed" | "refused";

/**
 * The counter of a call that ended with an error of each code. A new code does not compile until it
 * is listed here. Codes that no call of a pool ends with count as `failed`.
 */
const COUNTER_OF: Readonly<Record<ErrorCode, Counter>> = {
  // The request
  invalid_input: "failed",
  invalid_arguments: "failed",
  unsupported_media_type: "failed",
  body_too_large: "failed",
  request_incomplete: "failed",
  unauthenticated: "failed",
  forbidden: "failed",
  not_found: "failed",
  method_not_allowed: "failed",
  not_acceptable: "failed",
  stream_gone: "failed",
  range_not_satisfiable: "failed",
  expectation_failed: "failed",
  upgrade_required: "failed",
  not_implemented: "failed",
  unknown_tool: "failed",
  unknown_pool: "failed",
  pool_exists: "failed",
  unknown_worker: "failed",
  unknown_session: "failed",
  unknown_variable: "failed",
  unknown_program: "failed",
  unknown_script: "failed",
  version_conflict: "failed",
  invalid_variable: "failed",
  session_quota_exceeded: "refused",
  // The server
  server_busy: "failed",
  // The pool
  pool_saturated: "refused",
  pool_unhealthy: "refused",
  device_unavailable: "refused",
  shutting_down: "refused",
  worker_busy: "refused",
  session_worker_unavailable: "refused",
  deadline_exceeded: "timedOut",
  stalled: "timedOut",
  call_depth_exceeded: "refused",
  cancelled: "cancelled",
  worker_crashed: "crashed",
  poison_call: "crashed",
  circuit_open: "refused",
  out_of_memory: "crashed",
  cpu_limit_exceeded: "crashed",
  worker_start_failed: "failed",
  // The tool
  invalid_tool: "failed",
  tool_exists: "failed",
  host_tool_failed: "failed",
  input_failed: "failed",
  environment_failed: "failed",
  python_exception: "failed",
  result_too_large: "failed",
  invalid_value: "failed",
  // The program of a job
  script_failed: "failed",
  script_limit: "failed",
  guard_lost: "failed",
  // The set-up
  config_invalid: "failed",
  python_environment: "failed",
  startup_failed: "failed",
  store_failed: "failed",
  unknown_file: "failed",
  file_in_use: "failed",
  file_too_large: "failed",
  file_quota_exceeded: "failed",
  unknown_job: "failed",
  unknown_queue: "failed",
  idempotency_conflict: "failed",
  job_running: "failed",
  queue_draining: "failed",
  job_unfinished: "failed",
  job_expired: "failed",
  host_lost: "failed",
  store_unavailable: "failed",
  protocol_mismatch: "failed",
  // The HTTP client
  host_unreachable: "failed",
  connection_lost: "failed",
  unexpected_answer: "failed",
  internal: "failed",
};

function counterOf(error: unknown): Counter {
  if (error === undefined) return "completed";
  // The caller left with a reason of its own.
  if (!(error instanceof SnakedenError)) return "cancelled";
  // Refused for what other calls did, and never sent to a worker.
  if (error.code === "poison_call" && error.details.workersLost === 0) return "refused";
  return COUNTER_OF[error.code];
}
