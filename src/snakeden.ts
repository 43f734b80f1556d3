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

/** What a host is started with: its configuration, and how the start itself behaves. */
export interface SnakedenOptions extends ConfigInput, StartOptions {}

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
  readonly tools: Tools;
  /** The pools, and the replacement of their workers. */
  readonly pools: Pools;
  /** The workers of all pools. */
  readonly workers: WorkerList;
  /** What outlives this host. */
  readonly store: StoreStatus;
  /** Whether the pools can serve. */
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
   * Builds the Python environment if needed, starts all pools and waits until each has tried to
   * start its workers. A pool that could not is unhealthy and goes on trying;
   * {@link Health.awaitReady} tells.
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
    await this.#shutdown.run(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
