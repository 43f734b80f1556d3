import { randomBytes } from "node:crypto";
import { settlesWithin } from "./async/mod.ts";
import { BridgeServer } from "./bridge/mod.ts";
import {
  type Args,
  type CallOptions,
  Calls,
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
  ProcessRegistry,
  RunDirectory,
  StoreStatus,
  workerLauncher,
} from "./host/mod.ts";
import { getLogger } from "./log.ts";
import { type CallOutcome, Health, Pool, PoolGroup, Pools, WorkerList } from "./pool/mod.ts";
import { StartTimes, systemProcessTable } from "./process/mod.ts";
import { ensurePython } from "./python_env/mod.ts";
import { ToolRegistry } from "./tools/mod.ts";

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
 * A host: pools of warm Python workers behind one door. Calls are made by its own methods; what it
 * consists of is in namespaces, such as `pools` and `workers`. Disposing it ends every worker.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 2 }] });
 * const sum = await den.execute<number>("add", { a: 2, b: 3 });
 * const { ready } = await den.health.ready();
 * const pids = den.workers.list().map(({ pid }) => pid);
 * console.log(sum, ready, pids, den.pools.get("default").stats.completed);
 * ```
 */
export class Snakeden implements AsyncDisposable {
  readonly config: Config;
  /** Names this life of the host; 128 random bits. */
  readonly runId: string;
  /** The tools of all pools. */
  readonly tools: Pick<ToolRegistry, "list">;
  /** The pools, and the replacement of their workers. */
  readonly pools: Pools;
  /** The workers of all pools. */
  readonly workers: WorkerList;
  /** What outlives this host. */
  readonly store: StoreStatus;
  /** Whether the pools can serve. */
  readonly health: Health;
  readonly #calls: Calls;
  readonly #group: PoolGroup;
  readonly #resources: AsyncDisposableStack;
  #stopped: Promise<void> | undefined;

  private constructor(config: Config, host: Parts) {
    this.config = config;
    this.runId = host.runId;
    this.tools = host.tools;
    this.pools = host.pools;
    this.workers = host.workers;
    this.store = host.store;
    this.health = host.health;
    this.#calls = host.calls;
    this.#group = host.group;
    this.#resources = host.resources;
  }

  /**
   * Builds the Python environment if needed, starts all pools and waits until each has tried to
   * start its workers. A pool that could not is unhealthy and goes on trying;
   * {@link Health.awaitReady} tells.
   *
   * @throws {SnakedenError} `config_invalid`, `python_environment` or `startup_failed`; with
   * `readyTimeoutMs` also what {@link Health.awaitReady} throws. Nothing is left running then.
   */
  static async start(options: SnakedenOptions = {}): Promise<Snakeden> {
    const { signal, onSetupProgress, readyTimeoutMs, requireStore = false, ...input } = options;
    signal?.throwIfAborted();
    const config = parseConfig(input);
    const runId = randomBytes(16).toString("hex");
    await using resources = new AsyncDisposableStack();
    const risk = await openDataDirectory(config.dataDir);
    if (risk !== undefined) getLogger("server").warn("{risk}", { risk });
    const store = resources.use(await openStore(config, { runId, required: requireStore }));
    const table = systemProcessTable();
    const times = new StartTimes(table);
    const startTimeOf = (pid: number): Promise<string | undefined> => times.of(pid);
    const { processes } = store;
    const registry = resources.use(new ProcessRegistry({ runId, startTimeOf, processes }));
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
    const group = resources.use(new PoolGroup(pools));
    const tools = new ToolRegistry(pools);
    const policies = policiesByPool(config.pools);
    const calls = new Calls({ limits: config.limits, finder: tools, policies });
    const health = new Health(pools);
    const started = group.start(signal);
    // Whoever waits for readiness alone hears of an abort there.
    started.catch(() => {});
    if (readyTimeoutMs !== undefined) {
      await health.awaitReady({
        timeoutMs: readyTimeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
    } else await started;
    for (const pool of config.pools) warnOfUnknownTools(pool, pools.get(pool.name));
    return new Snakeden(config, {
      runId,
      calls,
      tools,
      pools: new Pools(config.pools, { pools, policies }),
      workers: new WorkerList(pools),
      store: new StoreStatus({ store, processes: registry }),
      health,
      group,
      resources: resources.move(),
    });
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

  /** Runs a tool; returns all that is known of the call, with the value still encoded. */
  call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return this.#calls.call(tool, args, options);
  }

  /** Runs a tool and hands out its chunks as they come. The call starts with the first read. */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return this.#calls.stream(tool, args, options);
  }

  /**
   * Takes no more calls, lets running ones finish for at most `drainMs` (default: each pool's own),
   * and ends everything. Complete when it resolves. Called again with 0 while it drains, it kills at
   * once.
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

/** What a host consists of. */
interface Parts {
  readonly runId: string;
  readonly calls: Calls;
  readonly tools: ToolRegistry;
  readonly pools: Pools;
  readonly workers: WorkerList;
  readonly store: StoreStatus;
  readonly health: Health;
  readonly group: PoolGroup;
  /** Disposed when the pools have stopped. */
  readonly resources: AsyncDisposableStack;
}
