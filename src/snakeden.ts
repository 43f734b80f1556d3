import type { Args, CallOptions, ToolStream } from "./calls/mod.ts";
import { showCaller } from "./caller_stack.ts";
import { type ConfigInput, loadProgramConfig, type SizedConfig } from "./config/mod.ts";
import type { Files } from "./files/mod.ts";
import type { Hardware } from "./hardware/mod.ts";
import {
  assertSupportedSystem,
  compose,
  type Host,
  type ReloadResult,
  splitOptions,
  type StartOptions,
  type StoreStatus,
} from "./host/mod.ts";
import type { Jobs, Queues } from "./jobs/mod.ts";
import type {
  ExecuteManyOptions,
  Items,
  MapItem,
  MapOptions,
  MapOutcome,
  MapResults,
  MapRun,
  Throwing,
  Yielding,
} from "./map/mod.ts";
import type { AddPoolOptions, CallOutcome, Health, Pools, WorkerList } from "./pool/mod.ts";
import type { Programs, Sessions } from "./sessions/mod.ts";
import type { Tools } from "./tools/mod.ts";

/** The configuration of a host, and the options of {@link Snakeden.start}. */
export interface SnakedenOptions extends ConfigInput, StartOptions {}

/**
 * A host: pools of warm Python workers behind one interface. Its methods make calls; its
 * namespaces, such as `pools` and `workers`, show and manage the rest. Disposing it ends every
 * worker.
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
  /** The configuration, with all defaults and the sizes of all pools. */
  readonly config: SizedConfig;
  /** The id of this run of the host: 32 hexadecimal digits. */
  readonly runId: string;
  /** The tools of all pools and of the host, and the registration of host tools. */
  readonly tools: Tools;
  /** The pools: their state and figures, and the replacement of their workers. */
  readonly pools: Pools;
  /** The workers of all pools, and the replacement of one. */
  readonly workers: WorkerList;
  /** The sessions: state under an id, for callers and tools, that outlives the host. */
  readonly sessions: Sessions;
  /** The global programs: stored calls of tools, by name. */
  readonly programs: Programs;
  /** Durable jobs: calls that are kept, run when a worker is free, and tried again. */
  readonly jobs: Jobs;
  /** The queues of jobs. */
  readonly queues: Queues;
  /** Files: bytes of any length under an id, for calls and jobs. */
  readonly files: Files;
  /** The processor, the memory and the devices of the machine. */
  readonly hardware: Hardware;
  /** The store: its state, and the records of this run. */
  readonly store: StoreStatus;
  /** The health of the pools: a ping through each, and a wait until all are ready. */
  readonly health: Health;
  readonly #host: Host;

  private constructor(host: Host) {
    this.config = host.config;
    this.runId = host.runId;
    this.tools = host.tools;
    this.pools = host.pools;
    this.workers = host.workers;
    this.sessions = host.sessions;
    this.programs = host.sessions.programs;
    this.jobs = host.jobs;
    this.queues = host.queues;
    this.files = host.files;
    this.hardware = host.hardware;
    this.store = host.store;
    this.health = host.health;
    this.#host = host;
  }

  /**
   * Starts a host with the configuration in `options`, which override the environment. Builds the
   * Python environment if needed, and waits until every pool has tried to start its workers. A pool
   * without a single worker is unhealthy and keeps trying;
   * {@link Health.awaitReady} waits for it.
   *
   * @throws {SnakedenError} `config_invalid`, `device_unavailable`, `python_environment` or
   * `startup_failed`. With `readyTimeoutMs`, also the errors of {@link Health.awaitReady}. After an
   * error nothing is left running.
   */
  static async start(options: SnakedenOptions = {}): Promise<Snakeden> {
    const { start, input } = splitOptions(options);
    start.signal?.throwIfAborted();
    try {
      assertSupportedSystem();
      const { config, logging } = await loadProgramConfig(input);
      return new Snakeden(await compose(config, { ...start, logging }));
    } catch (error) {
      showCaller(error, { below: Snakeden.start, signal: start.signal });
      throw error;
    }
  }

  /**
   * Runs a tool and returns its result, decoded. The chunks of a generator are returned as one
   * list.
   *
   * @throws {SnakedenError} Any {@link ErrorCode} of a call; docs/http.md lists them. If the signal
   * aborts, its reason is thrown.
   */
  execute<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    // Not async, so that the stack of an error begins with the caller.
    return this.#host.calls.execute(tool, args, options, this.execute) as Promise<T>;
  }

  /**
   * Runs a tool like {@link Snakeden.execute}. Returns the outcome of the call, with its worker and
   * its times; the value is still encoded.
   *
   * @throws {SnakedenError} See {@link Snakeden.execute}.
   */
  call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return this.#host.calls.call(tool, args, options, this.call);
  }

  /**
   * Runs a tool and returns a stream of its chunks, or of its one result if it does not stream. The
   * call begins with the first read, or when {@link ToolStream.result} is awaited instead. Both
   * also throw the errors of {@link Snakeden.execute}.
   */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return this.#host.calls.stream(tool, args, options);
  }

  /**
   * Runs a tool for each item of an iterable, which is an object of arguments, on all workers of
   * its pool. Items travel together, which costs each a tenth of a call. Returns what came of them:
   * iterate over it, or await a list. Items are read as far as workers need some.
   *
   * @throws {SnakedenError} See {@link MapResults}.
   */
  map<T = unknown>(tool: string, items: Items<Args>, options?: Throwing): MapResults<T>;
  map<T = unknown>(tool: string, items: Items<Args>, options: Yielding): MapResults<MapOutcome<T>>;
  map(tool: string, items: Items<Args>, options: MapOptions = {}): MapResults<unknown> {
    return this.#host.maps.map(tool, items, options);
  }

  /**
   * Runs a tool for each item of a list like {@link Snakeden.map}. Resolves with what came of each,
   * a result or an error, in the order of the items.
   *
   * @throws {SnakedenError} The error for which not all items can run; never that of an item.
   */
  executeMany<T = unknown>(
    tool: string,
    items: readonly Args[],
    options: ExecuteManyOptions = {},
  ): Promise<MapOutcome<T>[]> {
    return this.#host.maps.executeMany<T>(tool, items, options);
  }

  /**
   * Begins a map over items that are encoded already, whose results stay encoded: for interfaces
   * such as HTTP. Programs use {@link Snakeden.map}.
   *
   * @throws {SnakedenError} `invalid_input` for the options; `unknown_tool` or `unknown_pool`.
   */
  openMap(tool: string, items: AsyncIterable<MapItem>, options?: MapOptions): MapRun<MapItem> {
    return this.#host.maps.openEncoded(tool, items, options);
  }

  /**
   * Reads the configuration anew from where it came from (the file, the environment and the
   * options of the start), and applies the difference: pools are added, removed, or replaced by new
   * workers, and settings that can change while the host runs do. All of it is done or nothing, and
   * no call is dropped. A `.ts` file is loaded as it is now, but the modules that it imports are
   * not.
   *
   * @throws {SnakedenError} `config_invalid`, with what is wrong; `shutting_down`.
   */
  reload(options: AddPoolOptions = {}): Promise<ReloadResult> {
    return this.#host.reload(options);
  }

  /**
   * Ends the host: refuses new calls, waits up to `drainMs` for running ones (if omitted, the
   * `drainMs` of each pool), then ends all workers. Resolves when all have ended. During the drain,
   * a second call with `drainMs: 0` kills the workers at once. In the code of a host tool, it
   * begins the end and resolves at once, since the end waits for the tool.
   */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    await this.#host.shutdown.run(options);
  }

  /** Ends the host, like {@link Snakeden.stop} without options. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
