import { findWorker } from "./find_pool.ts";
import type { Pool } from "./pool.ts";
import { describeWorker, type WorkerInfo } from "./pool_info.ts";

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
   * Replaces a worker, which finishes its calls and ends. Its successor starts before or after
   * that, as `replace` of the pool says. Resolves when the old worker is gone.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones.
   */
  async stop(id: string): Promise<void> {
    const [pool, worker] = findWorker(id, this.#pools());
    await pool.stopWorker(worker);
  }
}
