import { randomBytes } from "node:crypto";
import { settlesWithin } from "./async/mod.ts";
import { BridgeServer } from "./bridge/mod.ts";
import {
  type Args,
  type CallOptions,
  Calls,
  type PoliciesByPool,
  policiesByPool,
  type ToolStream,
  warnOfUnknownTools,
} from "./calls/mod.ts";
import { type Config, type ConfigInput, parseConfig } from "./config/mod.ts";
import {
  endDeadRuns,
  endOwnRun,
  openDataDirectory,
  openStore,
  reportStore,
  RunDirectory,
  type StoreReport,
  workerLauncher,
} from "./host/mod.ts";
import { ProcessRegistry, type ProcessRow, type Store } from "./kv/mod.ts";
import { getLogger } from "./log.ts";
import {
  type CallOutcome,
  describePool,
  describeWorker,
  Pool,
  type PoolInfo,
  Pools,
  type Readiness,
  type RecycleRequest,
  type Recycling,
  type WaitOptions,
  type WorkerInfo,
} from "./pool/mod.ts";
import { StartTimes, systemProcessTable } from "./process/mod.ts";
import { ensurePython } from "./python_env/mod.ts";
import { type ToolInfo, ToolRegistry } from "./tools/mod.ts";

/** What a host is started with: its configuration, and how the start itself behaves. */
export interface SnakedenOptions extends ConfigInput {
  /** Gives up the start. */
  readonly signal?: AbortSignal;
  /** Lines about the first build of the Python environment. */
  readonly onSetupProgress?: (line: string) => void;
  /**
   * Fail unless every pool has a ready worker this long after the Python environment was there. By default the start goes
   * through with pools that are unhealthy.
   */
  readonly readyTimeoutMs?: number;
  /**
   * Fail when another host has the store of the data directory, or it cannot be opened. By default such a host keeps in memory
   * what would be stored, so that scripts can run beside a server.
   */
  readonly requireStore?: boolean;
}

/** For how long the start waits for what dead hosts have left; the rest of it goes on beside. */
const RECOVERY_MS = 1_000;

/**
 * A host: pools of warm Python workers behind one door. Disposing it ends every worker.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 2 }] });
 * const sum = await den.execute<number>("add", { a: 2, b: 3 });
 * ```
 */
export class Snakeden implements AsyncDisposable {
  readonly config: Config;
  /** Names this life of the host; 128 random bits. */
  readonly runId: string;
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #group: Pools;
  readonly #tools: ToolRegistry;
  readonly #policies: PoliciesByPool | undefined;
  readonly #calls: Calls;
  readonly #registry: ProcessRegistry;
  readonly #store: Store | undefined;
  readonly #resources = new AsyncDisposableStack();
  #stopped: Promise<void> | undefined;

  private constructor(config: Config, { runId, pools, group, registry, store }: Parts) {
    this.config = config;
    this.#registry = registry;
    this.#store = store;
    this.runId = runId;
    this.#pools = pools;
    this.#group = group;
    this.#tools = new ToolRegistry(pools);
    this.#policies = policiesByPool(config.pools);
    const { limits } = config;
    this.#calls = new Calls({ limits, finder: this.#tools, policies: this.#policies });
  }

  /**
   * Builds the Python environment if needed, starts all pools and waits until each has tried to start its workers. A pool
   * that could not is unhealthy and goes on trying; {@link Snakeden.awaitReady} tells.
   *
   * @throws {SnakedenError} `config_invalid`, `python_environment` or `startup_failed`; with `readyTimeoutMs` also what
   * {@link Snakeden.awaitReady} throws. Nothing is left running then.
   */
  static async start(options: SnakedenOptions = {}): Promise<Snakeden> {
    const { signal, onSetupProgress, readyTimeoutMs, requireStore = false, ...input } = options;
    signal?.throwIfAborted();
    const config = parseConfig(input);
    const runId = randomBytes(16).toString("hex");
    await using resources = new AsyncDisposableStack();
    const risk = await openDataDirectory(config.dataDir);
    if (risk !== undefined) getLogger("server").warn("{risk}", { risk });
    const store = await openStore(config, { runId, required: requireStore });
    if (store !== undefined) resources.use(store);
    const table = systemProcessTable();
    const times = new StartTimes(table);
    const startTimeOf = (pid: number): Promise<string | undefined> => times.of(pid);
    const registry = resources.use(
      store?.registry({ startTimeOf }) ?? new ProcessRegistry({ runId, startTimeOf }),
    );
    const directory = resources.use(await RunDirectory.create(config.dataDir, runId));
    const recovering = endDeadRuns({ directory, store, table });
    resources.defer(() => recovering);
    resources.defer(() => endOwnRun(runId, table));
    const python = resources.use(
      await ensurePython({
        dataDir: config.dataDir,
        requirements: config.python.requirements,
        ...(config.python.executable === undefined ? {} : { executable: config.python.executable }),
        ...(onSetupProgress === undefined ? {} : { onProgress: onSetupProgress }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    // What they hold, such as memory of a GPU, is what the new workers need.
    await settlesWithin(recovering, RECOVERY_MS);
    const bridge = resources.use(
      await BridgeServer.listen(directory.path, {
        carriers: config.pools.map(({ carrier }) => carrier),
      }),
    );
    const pools = new Map(config.pools.map((pool) => {
      const launcher = workerLauncher(pool, {
        config,
        runId,
        runDirectory: directory.path,
        bridge,
        registry,
        python,
      });
      return [pool.name, new Pool(pool, launcher)];
    }));
    const group = new Pools(pools);
    resources.defer(() => group.stop());
    const den = new Snakeden(config, { runId, pools, group, registry, store });
    const started = group.start(signal);
    // Whoever waits for readiness alone hears of an abort there.
    started.catch(() => {});
    if (readyTimeoutMs !== undefined) {
      await den.awaitReady({
        timeoutMs: readyTimeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
    } else await started;
    for (const pool of config.pools) warnOfUnknownTools(pool, pools.get(pool.name));
    den.#resources.use(resources.move());
    return den;
  }

  /**
   * Runs a tool and decodes its result. A generator's chunks come as a list.
   *
   * @throws {SnakedenError} See {@link ErrorCode}; an abort throws the reason of the signal.
   */
  async execute<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    const { value } = await this.#calls.call(tool, args, options);
    return value.decode() as T;
  }

  /** Runs a tool; answers all that is known of the call, with the value still encoded. */
  call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return this.#calls.call(tool, args, options);
  }

  /** Runs a tool and hands out its chunks as they come. The call starts with the first read. */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return this.#calls.stream(tool, args, options);
  }

  /** The tools of all pools. */
  tools(): ToolInfo[] {
    return this.#tools.list();
  }

  /** The pools as they are now. */
  pools(): PoolInfo[] {
    return this.config.pools.map((config) =>
      describePool(this.#tools.pool(config.name), config, this.#policies?.get(config.name)?.info)
    );
  }

  /** The workers of all pools as they are now. */
  workers(): WorkerInfo[] {
    return [...this.#pools.values()].flatMap((pool) =>
      pool.workers.map((worker) => describeWorker(worker, pool.name))
    );
  }

  /** The processes of this run as they are recorded for the next one. */
  processes(): ProcessRow[] {
    return this.#registry.list();
  }

  /** What the store could not read, and where that is now. */
  async storeReport(): Promise<StoreReport> {
    return await reportStore(this.#store);
  }

  /**
   * Starts another worker, which takes the place of this one when it is ready; this one finishes what it runs and ends.
   * Resolves when it is gone.
   *
   * @throws {SnakedenError} `unknown_worker`.
   */
  async stopWorker(id: string): Promise<void> {
    const [pool, worker] = this.#group.worker(id);
    await pool.stopWorker(worker);
  }

  /**
   * Replaces the workers of all pools, of one, or some of one, in each pool one after the other: a successor is started and
   * takes over, then the old worker finishes what it runs and ends. No call fails of it, and no pool serves with fewer
   * workers. Resolves when all are gone.
   *
   * @throws {SnakedenError} `unknown_pool`, `unknown_worker`, `shutting_down`.
   */
  async recycle(options: RecycleRequest = {}): Promise<void> {
    await this.startRecycle(options).done;
  }

  /**
   * {@link Snakeden.recycle}, which it does not wait for.
   *
   * @throws {SnakedenError} As that.
   */
  startRecycle(request: RecycleRequest = {}): Recycling {
    const { pool } = request;
    return this.#group.recycle(request, pool === undefined ? undefined : this.#tools.pool(pool));
  }

  /** Sends a ping through every pool. Default of `timeoutMs`: 2,000. */
  async readiness(options: WaitOptions = {}): Promise<Readiness> {
    return await this.#group.readiness(options);
  }

  /**
   * Resolves when every pool has a ready worker. Default of `timeoutMs`: none.
   *
   * @throws {SnakedenError} `pool_unhealthy`, `shutting_down`, `startup_failed` when the time is up.
   */
  async awaitReady(options: WaitOptions = {}): Promise<void> {
    await this.#group.awaitReady(options);
  }

  /**
   * Takes no more calls, lets running ones finish for at most `drainMs` (default: each pool's own), and ends everything.
   * Complete when it resolves. Called again with 0 while it drains, it kills at once.
   */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    if (this.#stopped === undefined) this.#stopped = this.#stop(options);
    else if (options.drainMs === 0) await this.#group.stop(options);
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(options: { readonly drainMs?: number }): Promise<void> {
    const stopped = this.#group.stop(options);
    this.#calls.close();
    await stopped;
    await this.#resources.disposeAsync();
  }
}

interface Parts {
  readonly runId: string;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly group: Pools;
  readonly registry: ProcessRegistry;
  readonly store: Store | undefined;
}
