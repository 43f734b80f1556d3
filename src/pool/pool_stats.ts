import {
  DeadlineExceededError,
  PythonError,
  SnakedenError,
  WorkerCrashedError,
} from "../errors.ts";

/** How the calls of a pool ended so far. `requests` is the sum of the others and of what is queued or running. */
export interface PoolStats {
  readonly requests: number;
  /** Answered with a result. */
  readonly completed: number;
  /** Answered with an error of the tool or of its arguments. */
  readonly failed: number;
  /** The caller left. */
  readonly cancelled: number;
  readonly timedOut: number;
  /** Their worker died, and they could not run again. */
  readonly crashed: number;
  /** Never accepted, or turned out of the queue: full, unhealthy, shutting down, or a poison. */
  readonly refused: number;
  /** Part of `refused`: the queue was full. */
  readonly saturated: number;
  /** Workers started in the place of others. */
  readonly restarts: number;
  /** Part of `restarts`: the worker before lived, and was replaced for its age, its calls, its memory, or when asked. */
  readonly recycled: number;
}

/** Counts; every call ends in exactly one of the counters. */
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

  requested(): void {
    this.#counts.requests++;
  }

  /** A call ended; without an error it was completed. */
  ended(error: unknown): void {
    this.#counts[counterOf(error)]++;
    if (error instanceof SnakedenError && error.code === "pool_saturated") this.#counts.saturated++;
  }

  get snapshot(): Omit<PoolStats, "restarts" | "recycled"> {
    return { ...this.#counts };
  }
}

function counterOf(
  error: unknown,
): "completed" | "failed" | "cancelled" | "timedOut" | "crashed" | "refused" {
  if (error === undefined) return "completed";
  if (error instanceof PythonError) return "failed";
  if (error instanceof DeadlineExceededError) return "timedOut";
  if (error instanceof WorkerCrashedError) return "crashed";
  if (!(error instanceof SnakedenError) || error.code === "cancelled") return "cancelled";
  switch (error.code) {
    case "poison_call":
      return error.details.attempts === 0 ? "refused" : "crashed";
    case "circuit_open":
    case "pool_saturated":
    case "pool_unhealthy":
    case "shutting_down":
      return "refused";
    default:
      return "failed";
  }
}
