import { shownValue } from "../config/mod.ts";
import { InvalidInputError } from "../errors.ts";
import { findWorker } from "./find_pool.ts";
import type { Pool } from "./pool.ts";
import { describeWorker, type WorkerInfo } from "./pool_info.ts";

/** Options of {@link WorkerList.stop}. */
export interface StopWorkerOptions {
  /** `soft` lets the worker finish its calls; `hard` kills it. Default `soft`. */
  readonly mode?: "soft" | "hard";
}

const STOP_MODES: readonly string[] = ["soft", "hard"];

function wrongMode(mode: unknown): InvalidInputError {
  const message = `given ${shownValue(mode)}; allowed: ${STOP_MODES.join(" or ")}`;
  return new InvalidInputError(`Cannot stop the worker: mode: ${message}`, [
    { path: "mode", message },
  ]);
}

/** The workers of all pools of a host. */
export class WorkerList {
  readonly #pools: () => readonly Pool[];

  /**
   * Lists the workers of these pools, also of those that were removed while their calls end.
   * Programs get theirs from {@link Snakeden.workers}.
   */
  constructor(pools: () => readonly Pool[]) {
    this.#pools = pools;
  }

  /** Describes the workers as they are now, in the order of the pools. */
  list(): WorkerInfo[] {
    return this.#pools().flatMap((pool) =>
      pool.workers.map((worker) => describeWorker(worker, pool.name))
    );
  }

  /**
   * Describes one worker. Where a worker and its successor share the id, describes the one that is
   * not about to end.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones.
   */
  get(id: string): WorkerInfo {
    const [pool, worker] = findWorker(id, this.#pools());
    return describeWorker(worker, pool.name);
  }

  /**
   * Ends a worker, which finishes its calls; with `mode: "hard"` it is killed, and its calls fail.
   * Its successor starts before or after that, as `replace` of the pool says; there is none if the
   * pool has more than `min` workers and no call waits. Resolves when the worker is gone.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones; `invalid_input`.
   */
  async stop(id: string, { mode = "soft" }: StopWorkerOptions = {}): Promise<void> {
    if (!STOP_MODES.includes(mode)) throw wrongMode(mode);
    const [pool, worker] = findWorker(id, this.#pools());
    await pool.stopWorker(worker, { mode });
  }
}
