import type { Args, CallOptions, Calls, ToolStream } from "./calls/mod.ts";
import { type Config, type ConfigInput, parseConfig } from "./config/mod.ts";
import {
  compose,
  type Host,
  type Shutdown,
  type StartOptions,
  type StoreStatus,
} from "./host/mod.ts";
import type { CallOutcome, Health, Pools, WorkerList } from "./pool/mod.ts";
import type { Tools } from "./tools/mod.ts";

/** The configuration of a host, and the options of its start. */
export interface SnakedenOptions extends ConfigInput, StartOptions {}

/**
 * A host: pools of warm Python workers behind one interface. Its own methods make calls; its parts
 * are in namespaces, such as `pools` and `workers`. Disposing it ends every worker.
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
  readonly tools: Tools;
  /** The pools, and the replacement of their workers. */
  readonly pools: Pools;
  /** The workers of all pools. */
  readonly workers: WorkerList;
  /** The store, which outlives this host. */
  readonly store: StoreStatus;
  /** The health of the pools. */
  readonly health: Health;
  readonly #calls: Calls;
  readonly #shutdown: Shutdown;

  private constructor(config: Config, host: Host) {
    this.config = config;
    this.runId = host.runId;
    this.tools = host.tools;
    this.pools = host.pools;
    this.workers = host.workers;
    this.store = host.store;
    this.health = host.health;
    this.#calls = host.calls;
    this.#shutdown = host.shutdown;
  }

  /**
   * Builds the Python environment if needed, starts all pools, and waits until each has tried to
   * start its workers. A pool that could not start any is unhealthy and keeps trying;
   * {@link Health.awaitReady} waits for it.
   *
   * @throws {SnakedenError} `config_invalid`, `python_environment` or `startup_failed`; with
   * `readyTimeoutMs` also what {@link Health.awaitReady} throws. Nothing is left running then.
   */
  static async start(options: SnakedenOptions = {}): Promise<Snakeden> {
    const { signal, onSetupProgress, readyTimeoutMs, requireStore, ...input } = options;
    signal?.throwIfAborted();
    const config = parseConfig(input);
    const start = { signal, onSetupProgress, readyTimeoutMs, requireStore };
    return new Snakeden(config, await compose(config, start));
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

  /** Runs a tool; returns the outcome of the call, with the value still encoded. */
  call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return this.#calls.call(tool, args, options);
  }

  /** Runs a tool and returns a stream of its chunks. The call starts with the first read. */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return this.#calls.stream(tool, args, options);
  }

  /**
   * Refuses new calls, waits up to `drainMs` for running ones (default: each pool's own), and ends
   * everything; all has ended when it resolves. A second call with 0 during the drain kills at
   * once.
   */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    await this.#shutdown.run(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
