import { SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import { Bound, type Transport } from "../http/mod.ts";
import type { DenPools, DenWorkers, PoolInfo, RecycleRequest, WorkerInfo } from "../shapes/mod.ts";
import { JSON_BODY } from "./call_body.ts";

/** The pause between two requests for the workers that are being replaced. */
const LOOK_MS = 100;

/** The pools of a host. */
export class PoolList implements DenPools {
  readonly #transport: Transport;
  readonly #workers: Workers;

  /** Programs get theirs from {@link SnakedenClient.pools}. */
  constructor(transport: Transport, workers: Workers) {
    this.#transport = transport;
    this.#workers = workers;
  }

  /** Describes the pools as they are now, in the order of the configuration. */
  async list(): Promise<PoolInfo[]> {
    const reply = await this.#transport.send({ path: "/v1/pools" });
    return (await reply.json<{ pools: PoolInfo[] }>({ pools: "objects" })).pools;
  }

  /**
   * Describes one pool as it is now.
   *
   * @throws {SnakedenError} `unknown_pool`, naming near ones.
   */
  async get(name: string): Promise<PoolInfo> {
    const reply = await this.#transport.send({ path: `/v1/pools/${encodeURIComponent(name)}` });
    return await reply.json<PoolInfo>({ name: "text" });
  }

  /**
   * Replaces the workers of all pools, of one pool, or some. Resolves when the old workers are
   * gone.
   *
   * @throws {SnakedenError} `unknown_pool`, `unknown_worker`, `shutting_down`.
   */
  async recycle(request: RecycleRequest = {}): Promise<void> {
    const { signal } = request;
    const before = await this.#workers.list();
    const ids = new Set((await this.startRecycle(request)).workers);
    const old = new Set(before.filter((it) => ids.has(it.id)).map((it) => it.incarnation));
    const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
    try {
      while ((await this.#workers.list()).some((it) => old.has(it.incarnation))) {
        await bound.pause(LOOK_MS);
      }
    } finally {
      bound.close();
    }
  }

  /**
   * Starts what {@link PoolList.recycle} does, and returns the ids of the workers that are being
   * replaced.
   *
   * @throws {SnakedenError} See {@link PoolList.recycle}.
   */
  async startRecycle(
    { pool, workers, signal }: RecycleRequest = {},
  ): Promise<{ readonly workers: readonly string[] }> {
    if (pool === undefined && workers !== undefined) {
      return await this.#recycleSome(workers, signal);
    }
    const pools = pool === undefined ? (await this.list()).map(({ name }) => name) : [pool];
    const started: string[] = [];
    for (const name of pools) started.push(...await this.#recycleOne(name, workers, signal));
    return { workers: started };
  }

  /** Finds the pools of workers that are named without one. */
  async #recycleSome(
    ids: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly workers: readonly string[] }> {
    const all = await this.#workers.list();
    const found = ids.map((id) => workerOf(all, id));
    for (const [pool, some] of groupByPool(found)) await this.#recycleOne(pool, some, signal);
    return { workers: ids };
  }

  async #recycleOne(
    pool: string,
    workers: readonly string[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    const reply = await this.#transport.send({
      method: "POST",
      path: `/v1/pools/${encodeURIComponent(pool)}/recycle`,
      signal,
      ...(workers === undefined ? {} : { body: JSON.stringify({ workers }), headers: JSON_BODY }),
    });
    return (await reply.json<{ workers: string[] }>({ workers: "texts" })).workers;
  }
}

function groupByPool(workers: readonly WorkerInfo[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { pool, id } of workers) groups.set(pool, [...groups.get(pool) ?? [], id]);
  return groups;
}

/** The workers of all pools of a host. */
export class Workers implements DenWorkers {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.workers}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Describes the workers as they are now, in the order of the pools. */
  async list(): Promise<WorkerInfo[]> {
    const reply = await this.#transport.send({ path: "/v1/workers" });
    return (await reply.json<{ workers: WorkerInfo[] }>({ workers: "objects" })).workers;
  }

  /**
   * Describes one worker. Where a worker and its successor share the id, describes the one that is
   * not about to end.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones.
   */
  async get(id: string): Promise<WorkerInfo> {
    return workerOf(await this.list(), id);
  }

  /**
   * Replaces a worker, which finishes its calls and ends. Resolves when it is gone, however long
   * that takes.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones.
   */
  async stop(id: string): Promise<void> {
    const path = `/v1/workers/${encodeURIComponent(id)}`;
    const reply = await this.#transport.send({ method: "DELETE", path, timeoutMs: null });
    await reply.text();
  }
}

function workerOf(workers: readonly WorkerInfo[], id: string): WorkerInfo {
  const found = workers.filter((it) => it.id === id);
  const worker = found.find((it) => it.state !== "stopping") ?? found[0];
  if (worker !== undefined) return worker;
  throw new SnakedenError(
    "unknown_worker",
    `There is no worker "${id}"; ${suggestion(id, workers.map((it) => it.id))}`,
    { details: { workerId: id } },
  );
}
