import { randomBytes } from "node:crypto";
import { BridgeServer, type WelcomeInit } from "./bridge/mod.ts";
import { type Args, type CallOptions, checkCallOptions, encodeArgs } from "./call_options.ts";
import { type Config, type ConfigInput, parseConfig, type PoolConfig } from "./config/mod.ts";
import { messageOf, SnakedenError } from "./errors.ts";
import { getLogger } from "./log.ts";
import { suggestion } from "./near_names.ts";
import { attachPoliced } from "./policed_stream.ts";
import { type CallPolicy, type PolicedCall, PoolPolicies } from "./policies/mod.ts";
import {
  type Call,
  type CallOutcome,
  type ChunkSink,
  ChunkStream,
  Pool,
  SpawnLauncher,
  type Worker,
  workerEnv,
} from "./pool/mod.ts";
import { describePool, describeWorker, type PoolInfo, type WorkerInfo } from "./pool_info.ts";
import { ensurePython, packagePath } from "./python/mod.ts";
import { RunDirectory } from "./run_directory.ts";
import { ToolStream } from "./tool_stream.ts";
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
}

/** How long to wait, and a signal to stop waiting. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Whether every pool can serve, by a real ping through each. */
export interface Readiness {
  readonly ready: boolean;
  readonly pools: Readonly<Record<string, PoolReadiness>>;
}

/** Whether one pool can serve, and if not, why. */
export interface PoolReadiness {
  readonly ready: boolean;
  readonly pingMs?: number;
  readonly reason?: string;
}

/** Which workers are to be replaced: all, those of one pool, or some. */
export interface RecycleRequest {
  readonly pool?: string;
  /** Their ids. */
  readonly workers?: readonly string[];
  /** Replaces no more of them; the one that is being replaced is finished. */
  readonly signal?: AbortSignal;
}

/** Workers that are being replaced. */
export interface Recycling {
  /** Their ids, in the order in which they are replaced. */
  readonly workers: readonly string[];
  /** Resolves when all of them are gone. */
  readonly done: Promise<void>;
}

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
  readonly #tools: ToolRegistry;
  /** By name of the pool; undefined when no pool asks for any, so that a call costs nothing more. */
  readonly #policies: ReadonlyMap<string, PoolPolicies> | undefined;
  readonly #resources = new AsyncDisposableStack();
  #stopped: Promise<void> | undefined;

  private constructor(
    config: Config,
    runId: string,
    pools: ReadonlyMap<string, Pool>,
  ) {
    this.config = config;
    this.runId = runId;
    this.#pools = pools;
    this.#tools = new ToolRegistry(pools);
    const policies = config.pools.flatMap((pool): [string, PoolPolicies][] => {
      const its = PoolPolicies.of(pool);
      return its === undefined ? [] : [[pool.name, its]];
    });
    this.#policies = policies.length === 0 ? undefined : new Map(policies);
  }

  /**
   * Builds the Python environment if needed, starts all pools and waits until each has tried to start its workers. A pool
   * that could not is unhealthy and goes on trying; {@link Snakeden.awaitReady} tells.
   *
   * @throws {SnakedenError} `config_invalid`, `python_environment` or `startup_failed`; with `readyTimeoutMs` also what
   * {@link Snakeden.awaitReady} throws. Nothing is left running then.
   */
  static async start(options: SnakedenOptions = {}): Promise<Snakeden> {
    const { signal, onSetupProgress, readyTimeoutMs, ...input } = options;
    signal?.throwIfAborted();
    const config = parseConfig(input);
    const runId = randomBytes(16).toString("hex");
    await using resources = new AsyncDisposableStack();
    const python = resources.use(
      await ensurePython({
        dataDir: config.dataDir,
        requirements: config.python.requirements,
        ...(config.python.executable === undefined ? {} : { executable: config.python.executable }),
        ...(onSetupProgress === undefined ? {} : { onProgress: onSetupProgress }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    const directory = resources.use(await RunDirectory.create(config.dataDir, runId));
    const bridge = resources.use(
      await BridgeServer.listen(directory.path, {
        carriers: config.pools.map(({ carrier }) => carrier),
      }),
    );
    const pools = new Map(config.pools.map((pool) => {
      const launcher = new SpawnLauncher({
        bridge,
        carrier: pool.carrier,
        executable: python.executable,
        env: workerEnv({ ...pool, runId, packagePath: packagePath() }),
        welcome: welcomeOf(pool, config),
        runDirectory: directory.path,
        sharedMemory: { bytes: pool.sharedMemoryBytes, minBytes: pool.sharedMemoryMinBytes },
        startTimeoutMs: pool.startTimeoutMs,
      });
      return [pool.name, new Pool(pool, launcher)];
    }));
    resources.defer(() => stopAll(pools));
    const den = new Snakeden(config, runId, pools);
    const started = startAll(pools, signal);
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
    const { value } = await this.call(tool, args, options);
    return value.decode() as T;
  }

  /** Runs a tool; answers all that is known of the call, with the value still encoded. */
  async call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    const policed = this.#policies && this.#policed(this.#policies, tool, options);
    if (policed === undefined) return await this.#submit(tool, args, options).outcome;
    const { policy, ...call } = policed;
    // Encoded once, and refused before anything is counted.
    const encoded = encodeArgs(args, this.config.limits.maxDepth);
    return await policy.run({
      ...call,
      attempt: (timeoutMs) =>
        this.#submit(tool, encoded, { ...options, pool: call.pool, timeoutMs }).outcome,
    });
  }

  /** Runs a tool and hands out its chunks as they come. The call starts with the first read. */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return new ToolStream<T>((leaving) => {
      const stream = new ChunkStream(this.config.limits.streamWindowBytes);
      const signal = options.signal ? AbortSignal.any([options.signal, leaving]) : leaving;
      const policed = this.#policies && this.#policed(this.#policies, tool, options);
      if (policed === undefined) {
        stream.attach(this.#submit(tool, args, { ...options, signal }, stream));
        return stream;
      }
      const encoded = encodeArgs(args, this.config.limits.maxDepth);
      const { pool } = policed;
      attachPoliced(stream, {
        ...policed,
        signal,
        submit: (timeoutMs, sink) =>
          this.#submit(tool, encoded, { ...options, signal, pool, timeoutMs }, sink),
      });
      return stream;
    });
  }

  /** The tools of all pools. */
  tools(): ToolInfo[] {
    return this.#tools.list();
  }

  /** The pools as they are now. */
  pools(): PoolInfo[] {
    return this.config.pools.map((config) =>
      describePool(this.#tools.pool(config.name), config, this.#policies?.get(config.name))
    );
  }

  /** The workers of all pools as they are now. */
  workers(): WorkerInfo[] {
    return [...this.#pools.values()].flatMap((pool) =>
      pool.workers.map((worker) => describeWorker(worker, pool.name))
    );
  }

  /**
   * Starts another worker, which takes the place of this one when it is ready; this one finishes what it runs and ends.
   * Resolves when it is gone.
   *
   * @throws {SnakedenError} `unknown_worker`.
   */
  async stopWorker(id: string): Promise<void> {
    const [pool, worker] = findWorker(id, this.#pools);
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
  startRecycle({ pool, workers, signal }: RecycleRequest = {}): Recycling {
    const pools = pool === undefined
      ? this.#pools
      : new Map([[pool, this.#tools.pool(pool)] as const]);
    const chosen = workers?.map((id) => findWorker(id, pools)) ??
      [...pools.values()].flatMap((it) => it.serving.map((worker) => [it, worker] as const));
    const done = Promise.all([...pools.values()].map((it) => {
      const own = chosen.filter(([owner]) => owner === it).map(([, worker]) => worker);
      return it.recycle(own, signal);
    }));
    // Whoever does not wait for it finds failures in the log.
    done.catch(() => {});
    return { workers: chosen.map(([, { id }]) => id), done: done.then(() => {}) };
  }

  /** Sends a ping through every pool. Default of `timeoutMs`: 2,000. */
  async readiness({ timeoutMs = 2_000, signal }: WaitOptions = {}): Promise<Readiness> {
    const bound = withTimeout(timeoutMs, signal);
    const entries = await Promise.all(
      [...this.#pools].map(async ([name, pool]): Promise<[string, PoolReadiness]> => {
        try {
          return [name, { ready: true, pingMs: await pool.ping(bound) }];
        } catch (error) {
          const silent = `no worker answered a ping within ${timeoutMs} ms`;
          return [name, { ready: false, reason: bound.aborted ? silent : messageOf(error) }];
        }
      }),
    );
    return { ready: entries.every(([, it]) => it.ready), pools: Object.fromEntries(entries) };
  }

  /**
   * Resolves when every pool has a ready worker. Default of `timeoutMs`: none.
   *
   * @throws {SnakedenError} `pool_unhealthy`, `shutting_down`, `startup_failed` when the time is up.
   */
  async awaitReady({ timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    const bound = withTimeout(timeoutMs, signal);
    try {
      await Promise.all([...this.#pools.values()].map((pool) => pool.whenReady(bound)));
    } catch (error) {
      if (!bound.aborted || signal?.aborted) throw error;
      const late = [...this.#pools.values()].filter((it) => it.state !== "ready");
      throw new SnakedenError(
        "startup_failed",
        `Not ready after ${timeoutMs} ms: no worker yet in ${late.map((it) => it.name).join(", ")}`,
        { retryable: true },
      );
    }
  }

  /**
   * Takes no more calls, lets running ones finish for at most `drainMs` (default: each pool's own), and ends everything.
   * Complete when it resolves. Called again with 0 while it drains, it kills at once.
   */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    if (this.#stopped === undefined) this.#stopped = this.#stop(options);
    else if (options.drainMs === 0) await stopAll(this.#pools, options);
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(options: { readonly drainMs?: number }): Promise<void> {
    const stopped = stopAll(this.#pools, options);
    // The pools refuse calls by now, also those that follow a pause.
    for (const policies of this.#policies?.values() ?? []) policies.close();
    await stopped;
    await this.#resources.disposeAsync();
  }

  /** The policy that a call has to pass, and what the policy has to know of it; undefined when there is none. */
  #policed(
    policies: ReadonlyMap<string, PoolPolicies>,
    tool: string,
    options: CallOptions,
  ): Policed | undefined {
    checkCallOptions(options);
    const pool = this.#tools.poolFor(tool, options.pool);
    const policy = policies.get(pool.name)?.for(tool);
    return policy && {
      policy,
      tool,
      pool: pool.name,
      timeoutMs: options.timeoutMs ?? pool.timeoutMs,
      signal: options.signal,
      isIdempotent: () => options.idempotent ?? pool.declaresIdempotent(tool),
    };
  }

  #submit(tool: string, args: Args, options: CallOptions, sink?: ChunkSink): Call {
    checkCallOptions(options);
    const pool = this.#tools.poolFor(tool, options.pool);
    return pool.submit({
      tool,
      args: encodeArgs(args, this.config.limits.maxDepth),
      timeoutMs: options.timeoutMs ?? pool.timeoutMs,
      priority: options.priority ?? 0,
      sessionId: options.sessionId,
      requestId: options.requestId,
      signal: options.signal,
      idempotent: options.idempotent,
      sink,
    });
  }
}

/** A call that passes a policy. */
interface Policed extends Omit<PolicedCall<unknown>, "attempt"> {
  readonly policy: CallPolicy;
  readonly pool: string;
}

/** A tool that is misspelled in the configuration would have no policy, and nobody would know. */
function warnOfUnknownTools(config: PoolConfig, pool: Pool | undefined): void {
  if (pool === undefined || pool.tools.length === 0) return;
  for (const tool of Object.keys(config.tools).filter((it) => !pool.offers(it))) {
    getLogger("pool").warn(
      "the pool {pool} is told policies for {tool}, which it has not; {near}",
      {
        pool: pool.name,
        tool,
        near: suggestion(tool, pool.tools.map((it) => it.name)),
      },
    );
  }
}

/** A worker by its id. Of two with the same id it is the one that is not about to end. */
function findWorker(id: string, pools: ReadonlyMap<string, Pool>): readonly [Pool, Worker] {
  let found: readonly [Pool, Worker] | undefined;
  const ids = new Set<string>();
  for (const pool of pools.values()) {
    for (const worker of pool.workers) {
      ids.add(worker.id);
      if (worker.id !== id) continue;
      if (found === undefined || found[1].state === "stopping") found = [pool, worker];
    }
  }
  if (found !== undefined) return found;
  const where = pools.size === 1 ? ` in the pool ${[...pools.keys()][0]}` : "";
  throw new SnakedenError(
    "unknown_worker",
    `There is no worker "${id}"${where}; ${suggestion(id, [...ids])}`,
    { details: { workerId: id } },
  );
}

function welcomeOf(pool: PoolConfig, config: Config): WelcomeInit {
  const { memoryBytes = 0, dataBytes = 0, openFiles = 0, cpuSeconds = 0, nice = 0 } = pool.limits;
  return {
    adapter: pool.adapter,
    modulePaths: pool.modulePaths,
    logLevel: pool.logLevel,
    maxResultBytes: config.limits.maxResultBytes,
    maxDepth: config.limits.maxDepth,
    // 0 stands for none.
    limits: { memoryBytes, dataBytes, openFiles, cpuSeconds, nice },
  };
}

/** Starts all pools side by side; stops them when the start is given up. */
async function startAll(pools: ReadonlyMap<string, Pool>, signal?: AbortSignal): Promise<void> {
  const onAbort = (): void => void stopAll(pools, { drainMs: 0 });
  signal?.addEventListener("abort", onAbort, { once: true });
  await Promise.all([...pools.values()].map((pool) => pool.start()));
  signal?.removeEventListener("abort", onAbort);
  signal?.throwIfAborted();
}

async function stopAll(
  pools: ReadonlyMap<string, Pool>,
  options: { readonly drainMs?: number } = {},
): Promise<void> {
  await Promise.all([...pools.values()].map((pool) => pool.stop(options)));
}

function withTimeout(timeoutMs: number | undefined, signal: AbortSignal | undefined): AbortSignal {
  const signals = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  return AbortSignal.any(signal === undefined ? signals : [...signals, signal]);
}
