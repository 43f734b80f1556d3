import { SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import { Bound, type Transport } from "../http/mod.ts";
import type {
  DenPools,
  DenWorkers,
  PoolInfo,
  PoolToAdd,
  RecycleRequest,
  ResizeRequest,
  WorkerInfo,
} from "../shapes/mod.ts";
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
    const reply = await this.#transport.send({ path: pathOf(name) });
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

  /**
   * Adds a pool, and resolves when it takes calls. Refused by a host without API keys.
   *
   * @throws {SnakedenError} `invalid_input` with every problem, `pool_exists`, `forbidden`,
   * `device_unavailable`, `python_environment`, `worker_start_failed`, `shutting_down`.
   */
  async add(
    pool: PoolToAdd,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<PoolInfo> {
    return await this.#change("POST", "", pool, signal);
  }

  /**
   * Removes a pool: calls that wait are refused, and those that run have `drainMs` to finish, by
   * default that of the pool. Resolves when its workers are gone.
   *
   * @throws {SnakedenError} `unknown_pool`, naming near ones; `invalid_input`.
   */
  async remove(name: string, { drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    const query = { drainMs: drainMs === undefined ? undefined : String(drainMs) };
    const request = { method: "DELETE", path: pathOf(name), query, timeoutMs: null } as const;
    await (await this.#transport.send(request)).text();
  }

  /**
   * Changes how many workers a pool keeps: `size`, or any of `min`, `max` and `spare`.
   *
   * @throws {SnakedenError} `unknown_pool`, `invalid_input` naming each field, `shutting_down`.
   */
  async resize(name: string, change: ResizeRequest): Promise<PoolInfo> {
    return await this.#change("PATCH", name, change);
  }

  /** Lets a pool send no more calls to its workers: they wait until {@link PoolList.resume}. */
  async pause(name: string): Promise<PoolInfo> {
    return await this.#change("POST", name, "pause");
  }

  /** Ends a pause. */
  async resume(name: string): Promise<PoolInfo> {
    return await this.#change("POST", name, "resume");
  }

  /** Ends the idle workers of a pool beyond `min` and `spare` now, and returns their ids. */
  async cleanIdle(name: string): Promise<readonly string[]> {
    return await this.#workersOf(name, "clean");
  }

  /**
   * Starts more workers of a pool, up to `max`; -1 for as many as there may be. Resolves with the
   * ids of those that are ready, once each was tried.
   */
  async startAhead(name: string, count = 1): Promise<readonly string[]> {
    return await this.#workersOf(name, "start-ahead", { count });
  }

  async #change(
    method: "PATCH" | "POST",
    name: string,
    change: object | string,
    signal?: AbortSignal,
  ): Promise<PoolInfo> {
    const isVerb = typeof change === "string";
    const reply = await this.#transport.send({
      method,
      path: isVerb ? `${pathOf(name)}/${change}` : pathOf(name),
      timeoutMs: null,
      signal,
      ...(isVerb ? {} : { body: JSON.stringify(change), headers: JSON_BODY }),
    });
    return await reply.json<PoolInfo>({ name: "text" });
  }

  async #workersOf(
    name: string,
    verb: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const reply = await this.#transport.send({
      method: "POST",
      path: `${pathOf(name)}/${verb}`,
      timeoutMs: null,
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_BODY }),
    });
    return (await reply.json<{ workers: string[] }>({ workers: "texts" })).workers;
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
    const body = workers === undefined ? undefined : { workers };
    return await this.#workersOf(pool, "recycle", body, signal);
  }
}

/** Returns the path of a pool; of all pools if the name is empty. */
function pathOf(name: string): string {
  return name === "" ? "/v1/pools" : `/v1/pools/${encodeURIComponent(name)}`;
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
   * Ends a worker, which finishes its calls, however long that takes; with `mode: "hard"` it is
   * killed, and its calls fail. Resolves when it is gone.
   *
   * @throws {SnakedenError} `unknown_worker`, naming near ones; `invalid_input`.
   */
  async stop(id: string, { mode }: { readonly mode?: "soft" | "hard" } = {}): Promise<void> {
    const path = `/v1/workers/${encodeURIComponent(id)}`;
    const query = { mode };
    const reply = await this.#transport.send({ method: "DELETE", path, query, timeoutMs: null });
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
