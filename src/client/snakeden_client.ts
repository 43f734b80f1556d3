import { checkedOptions, type ClientOptions } from "./client_options.ts";
import { Files } from "./files/mod.ts";
import { Transport } from "./http/mod.ts";
import { Jobs, Queues } from "./jobs/mod.ts";
import {
  Calls,
  Hardware,
  Health,
  Maps,
  PoolList,
  Programs,
  Sessions,
  ToolList,
  Workers,
} from "./namespaces/mod.ts";
import type {
  Args,
  CallOptions,
  CallOutcome,
  Den,
  MapOptions,
  MapOutcome,
  ReloadResult,
} from "./shapes/mod.ts";
import type { MapResults, ToolStream } from "./streams/mod.ts";

/**
 * A client of a host over HTTP, with the methods and errors of the library. It needs `fetch` and
 * nothing else, so it runs in Node 20, Bun, Deno and browsers.
 *
 * @example
 * ```ts ignore
 * import { SnakedenClient } from "snakeden/client";
 *
 * const den = new SnakedenClient({ baseUrl: "http://127.0.0.1:8000" });
 * console.log(await den.execute<number>("add", { a: 2, b: 3 }));
 * for await (const chunk of den.stream<number>("counter", { n: 3 })) console.log(chunk);
 * ```
 */
export class SnakedenClient implements Den, AsyncDisposable {
  /** The tools of all pools. */
  readonly tools: ToolList;
  /** The pools: their state and figures, and the replacement of their workers. */
  readonly pools: PoolList;
  /** The workers of all pools, and the replacement of one. */
  readonly workers: Workers;
  /** The sessions: state under an id, for callers and tools, that outlives the host. */
  readonly sessions: Sessions;
  /** The global programs: stored calls of tools, by name. */
  readonly programs: Programs;
  /** Durable jobs: work that is submitted, kept in the store of the host, and followed. */
  readonly jobs: Jobs;
  /** The queues of jobs. */
  readonly queues: Queues;
  /** Files: bytes of any length under an id, for calls and jobs. */
  readonly files: Files;
  /** The processor, the memory and the devices of the machine of the host. */
  readonly hardware: Hardware;
  /** The health of the host: its version, a ping through each pool, a wait until all are ready. */
  readonly health: Health;
  readonly #transport: Transport;
  readonly #calls: Calls;
  readonly #maps: Maps;

  /**
   * Creates a client. Nothing is sent before the first use.
   *
   * @throws {InvalidInputError} `invalid_input` naming every option that is wrong.
   */
  constructor(options: ClientOptions) {
    const transport = new Transport(checkedOptions(options));
    this.tools = new ToolList(transport);
    this.workers = new Workers(transport);
    this.pools = new PoolList(transport, this.workers);
    this.hardware = new Hardware(transport);
    this.health = new Health(transport);
    this.jobs = new Jobs(transport);
    this.queues = new Queues(transport);
    this.files = new Files(transport);
    const calls = new Calls(transport, this.tools);
    this.sessions = new Sessions({ transport, calls });
    this.programs = new Programs({ transport, calls });
    this.#transport = transport;
    this.#calls = calls;
    this.#maps = new Maps(transport);
  }

  /**
   * Runs a tool and returns its result, decoded. The chunks of a generator are returned as one
   * list.
   *
   * @throws {SnakedenError} Any {@link ErrorCode} of a call, `host_unreachable`, `connection_lost`
   * or `unexpected_answer`. If the signal aborts, its reason is thrown.
   */
  async execute<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): Promise<T> {
    return (await this.call(tool, args, options)).value.decode() as T;
  }

  /**
   * Runs a tool like {@link SnakedenClient.execute}. Returns the outcome of the call, with its
   * worker and its times; the value is still encoded.
   *
   * @throws {SnakedenError} See {@link SnakedenClient.execute}.
   */
  async call(tool: string, args: Args = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return await this.#calls.call({ tool }, args, options);
  }

  /**
   * Runs a tool and returns a stream of its chunks, or of its one result if it does not stream. The
   * call begins with the first read, or when {@link ToolStream.result} is awaited instead. Both
   * also throw the errors of {@link SnakedenClient.execute}.
   */
  stream<T = unknown>(tool: string, args: Args = {}, options: CallOptions = {}): ToolStream<T> {
    return this.#calls.stream<T>(tool, args, options);
  }

  /**
   * Runs a tool for each item of an iterable, which is an object of arguments. It is one request,
   * made when the map is awaited or iterated. Where `fetch` sends no streams, as in a page over
   * HTTP/1.1, all items are gathered before.
   *
   * @throws {SnakedenError} See {@link MapResults}.
   */
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options?: MapOptions & { readonly onError?: "throw" },
  ): MapResults<T>;
  map<T = unknown>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options: MapOptions & { readonly onError: "yield" },
  ): MapResults<MapOutcome<T>>;
  map<T>(
    tool: string,
    items: Iterable<Args> | AsyncIterable<Args>,
    options: MapOptions = {},
  ): MapResults<T> | MapResults<MapOutcome<T>> {
    return this.#maps.map<T>(tool, items, options);
  }

  /**
   * Runs a tool for each item of a list like {@link SnakedenClient.map}. Resolves with what came of
   * each, a result or an error, in the order of the items.
   *
   * @throws {SnakedenError} The error for which not all items can run; never that of an item.
   */
  async executeMany<T = unknown>(
    tool: string,
    items: readonly Args[],
    options: Omit<MapOptions, "onError" | "ordered"> = {},
  ): Promise<MapOutcome<T>[]> {
    return await this.#maps.map<MapOutcome<T>>(tool, items, { ...options, onError: "yield" });
  }

  /**
   * Reads the configuration of the host anew, and applies the difference without dropping a call.
   *
   * @throws {SnakedenError} `config_invalid`, with what is wrong; `shutting_down`.
   */
  async reload({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ReloadResult> {
    const request = { method: "POST", path: "/v1/reload", signal, timeoutMs: null } as const;
    return await (await this.#transport.send(request)).json<ReloadResult>({ pools: "object" });
  }

  /** Ends all open requests and streams. Later ones are refused with an `AbortError`. */
  close(): Promise<void> {
    this.#transport.close();
    return Promise.resolve();
  }

  /** Does the same as {@link SnakedenClient.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
