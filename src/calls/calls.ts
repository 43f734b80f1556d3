import type { Value, WriteOptions } from "../bridge/mod.ts";
import { showCaller, type StackedFunction } from "../caller_stack.ts";
import type { Config } from "../config/mod.ts";
import {
  type Call,
  CallInputs,
  type CallOutcome,
  type ChunkSink,
  ChunkStream,
  type Pool,
} from "../pool/mod.ts";
import type { FoundHostTool, ToolRegistry } from "../tools/mod.ts";
import {
  type Args,
  argsWriting,
  type CallOptions,
  checkCallOptions,
  encodeArgs,
} from "./call_options.ts";
import type { CallFiles } from "./files/mod.ts";
import { type BulkCall, type BulkOutcome, type BulkWatch, runBulk } from "./bulk_call.ts";
import type { HostCalls } from "./host_calls.ts";
import { originOf, refuseDeadlock, timeoutOf } from "./nested_calls.ts";
import { attachPoliced } from "./policed_stream.ts";
import { poolRequest } from "./pool_request.ts";
import type { CallPolicy, PolicedCall, PoliciesByPool } from "./policies/mod.ts";
import { holding, Preparation, submitHeld } from "./preparation.ts";
import type { StrictSessions } from "./strict_sessions.ts";
import { ToolStream } from "./tool_stream.ts";
import { refusedWork, type WorkWatch } from "./work_watch.ts";

/** Dependencies of {@link Calls}. */
export interface CallsDeps {
  readonly limits: Pick<Config["limits"], "maxDepth" | "streamWindowBytes">;
  readonly tools: ToolRegistry;
  /** Undefined if no pool can have policies. */
  readonly policies: PoliciesByPool | undefined;
  /** The sessions that strict calls may lose; without it, they are those of the pools alone. */
  readonly strict?: StrictSessions | undefined;
  /** The files that arguments may name; without it, `$file` is a key like any other. */
  readonly files?: CallFiles | undefined;
  /** The calls of host tools; without it, there are none. */
  readonly host?: HostCalls | undefined;
}

/**
 * Takes each call from its caller to a pool: checks its options, finds its pool, and applies its
 * policies.
 */
export class Calls {
  readonly #limits: CallsDeps["limits"];
  readonly #tools: ToolRegistry;
  readonly #policies: PoliciesByPool | undefined;
  readonly #preparation: Preparation;
  readonly #host: HostCalls | undefined;
  /** Made once, not for each call. */
  readonly #writing: WriteOptions;

  constructor({ limits, tools, policies, strict, files, host }: CallsDeps) {
    this.#writing = argsWriting(limits);
    this.#preparation = new Preparation({ strict, files });
    this.#host = host;
    this.#limits = limits;
    this.#tools = tools;
    this.#policies = policies;
  }

  /**
   * Runs a tool and returns its result, decoded.
   *
   * @param entrance The function that the program has called. The stack of an error begins with
   * its caller.
   * @throws {SnakedenError} Like {@link Calls.call}.
   */
  async execute(
    tool: string,
    args: Args,
    options: CallOptions,
    entrance: StackedFunction = this.execute,
  ): Promise<unknown> {
    let outcome: CallOutcome;
    try {
      outcome = await this.#begin(tool, args, options);
    } catch (error) {
      showCaller(error, { below: this.execute, entrance, signal: options.signal });
      throw error;
    }
    return outcome.value.decode();
  }

  /**
   * Runs a tool; returns the outcome of the call, with the value still encoded.
   *
   * @param entrance As for {@link Calls.execute}.
   * @throws {SnakedenError} See {@link ErrorCode}; an abort throws the reason of the signal.
   */
  async call(
    tool: string,
    args: Args,
    options: CallOptions,
    entrance: StackedFunction = this.call,
  ): Promise<CallOutcome> {
    try {
      return await this.#begin(tool, args, options);
    } catch (error) {
      showCaller(error, { below: this.call, entrance, signal: options.signal });
      throw error;
    }
  }

  /**
   * Runs a tool of a pool without the policies of the pool, for a caller that has its own.
   *
   * @param watch Hears of the work. Its stream gets the chunks, and also the outcome.
   * @throws {SnakedenError} Like {@link Calls.call}.
   */
  work({ tool, args, options }: FoundCall, watch: WorkWatch): Promise<CallOutcome> {
    try {
      const pool = this.#poolFor(tool, options);
      const encoded = encodeArgs(args, this.#writing);
      const preparing = this.#preparation.prepare(tool, encoded, options, pool);
      if (preparing === undefined) {
        return this.#work({ tool, args: encoded, options }, watch, pool);
      }
      return preparing.then(
        (ready) => holding(ready, () => this.#work({ tool, ...ready }, watch)),
        (error) => refusedWork(error, watch),
      );
    } catch (error) {
      return refusedWork(error, watch);
    }
  }

  #work({ tool, args, options }: SentCall, watch: WorkWatch, found?: Pool): Promise<CallOutcome> {
    const { stream } = watch;
    let call: Call;
    try {
      call = this.#submit(tool, args, options, stream, found, watch);
    } catch (error) {
      return refusedWork(error, watch);
    }
    stream?.attach(call);
    return call.outcome;
  }

  /**
   * Runs a tool of a pool for many items, in one call and without the policies of the pool.
   *
   * @param watch Receives what came of the items while others run.
   * @throws {SnakedenError} Like {@link Calls.call}, if the call ends before all items have. What
   * became of them is in {@link BulkWatch.onOutcomes}, and `details` names the item that ran.
   */
  bulk(call: BulkCall, watch: BulkWatch): Promise<BulkOutcome> {
    const { streamWindowBytes: windowBytes } = this.#limits;
    return runBulk(call, watch, {
      windowBytes,
      poolOf: (options) => this.#poolFor(call.tool, options),
      sessionReady: (pool) => this.#preparation.sessionReady(call.tool, call.options, pool),
      submit: (args, options, { sink, pool, watch }) =>
        this.#submit(call.tool, args, options, sink, pool, watch),
    });
  }

  /**
   * Puts the files that the arguments of an item name in their places; undefined if they name none.
   * Other calls do that by themselves. The caller releases the files of what it gets.
   *
   * @throws {SnakedenError} `invalid_input` or `unknown_file`, with the path of the field.
   */
  openFiles(args: Value): Promise<Value> | undefined {
    return this.#preparation.openFiles(args);
  }

  /** Runs a tool and returns a {@link ToolStream}. The call begins with the first read. */
  stream<T>(tool: string, args: Args, options: CallOptions): ToolStream<T> {
    return new ToolStream<T>((leaving) => this.#open({ tool, args, options }, leaving), {
      isOneResult: () => this.#hasOneResult(tool, options),
      signal: options.signal,
    });
  }

  /**
   * Like {@link Calls.stream}, for a call that the first read looks up.
   *
   * @param signal The signal of the call.
   */
  streamOf<T>(find: () => Promise<FoundCall>, signal: AbortSignal | undefined): ToolStream<T> {
    let call: FoundCall | undefined;
    return new ToolStream<T>(async (leaving) => {
      call = await find();
      return this.#open(call, leaving);
    }, {
      isOneResult: () => call !== undefined && this.#hasOneResult(call.tool, call.options),
      signal,
    });
  }

  /**
   * Refuses calls of host tools, as the pools already refuse theirs. Ends the pauses between
   * attempts; no attempt follows.
   */
  close(): void {
    this.#host?.close();
    this.#policies?.close();
  }

  /** The host tools that run, for the end of the host; undefined if there are none. */
  get running(): Pick<HostCalls, "idle" | "isCaller" | "stopAll"> | undefined {
    return this.#host;
  }

  #hasOneResult(tool: string, options: CallOptions): boolean {
    return this.#tools.find(tool, options.pool, options)?.streams === false;
  }

  #open({ tool, args, options }: FoundCall, leaving: AbortSignal): ChunkStream {
    const stream = new ChunkStream(this.#limits.streamWindowBytes);
    const signal = options.signal ? AbortSignal.any([options.signal, leaving]) : leaving;
    const own = { ...options, signal };
    if (this.#host?.isActive) {
      return this.#openPerhapsOnHost(this.#host, { tool, args, options: own }, stream);
    }
    return this.#openInPool({ tool, args, options: own }, stream);
  }

  /** Opens a call of a host tool, or one in a pool, when there are host tools. */
  #openPerhapsOnHost(host: HostCalls, call: FoundCall, stream: ChunkStream): ChunkStream {
    const { tool, args } = call;
    const options = host.optionsOf(tool, call.options);
    const watch = originOf(options)?.watch;
    if (watch !== undefined) stream.readBy(watch);
    const open = (found: FoundHostTool | undefined): ChunkStream => {
      if (found === undefined) return this.#openInPool({ tool, args, options }, stream);
      host.stream(stream, { found, args, options });
      return stream;
    };
    const found = host.find(tool, options);
    if (!(found instanceof Promise)) return open(found);
    found.then(open).catch((error) =>
      stream.attach({ outcome: Promise.reject(error), credit: () => {} })
    );
    return stream;
  }

  #openInPool({ tool, args, options: own }: FoundCall, stream: ChunkStream): ChunkStream {
    const pool = this.#poolFor(tool, own);
    const encoded = encodeArgs(args, this.#writing);
    const preparing = this.#preparation.prepare(tool, encoded, own, pool);
    if (preparing === undefined) {
      this.#attach(stream, tool, encoded, own, pool);
      return stream;
    }
    const fail = (error: unknown): void =>
      stream.attach({ outcome: Promise.reject(error), credit: () => {} });
    preparing.then(async (ready) => {
      let outcome: Promise<unknown> | undefined;
      try {
        outcome = this.#attach(stream, tool, ready.args, ready.options);
      } catch (error) {
        fail(error);
      }
      // The stream throws the error.
      await holding(ready, () => outcome).catch(() => {});
    }, fail);
    return stream;
  }

  /** Sends the call of a stream to its pool, under its policy if it has one. */
  #attach(
    stream: ChunkStream,
    tool: string,
    encoded: Value,
    options: CallOptions,
    found?: Pool,
  ): Promise<unknown> {
    const policed = this.#policed(tool, options, found);
    if (policed === undefined) {
      const call = this.#submit(tool, encoded, options, stream, found);
      stream.attach(call);
      return call.outcome;
    }
    const { pool } = policed;
    return attachPoliced(stream, {
      ...policed,
      inputs: CallInputs.of(encoded),
      submit: (timeoutMs, sink) =>
        this.#submit(tool, encoded, { ...options, pool, timeoutMs }, sink),
    });
  }

  /** Sends the call to its pool, at once unless it is the first strict one of its session. */
  #begin(tool: string, args: Args, options: CallOptions): Promise<CallOutcome> {
    if (this.#host?.isActive) return this.#beginPerhapsOnHost(this.#host, { tool, args, options });
    return this.#beginInPool(tool, args, options);
  }

  /** Runs a call on the host or in a pool, when there are host tools. */
  #beginPerhapsOnHost(host: HostCalls, { tool, args, options }: FoundCall): Promise<CallOutcome> {
    const own = host.optionsOf(tool, options);
    const watch = originOf(own)?.watch;
    if (watch === undefined) return this.#beginFound(host, { tool, args, options: own });
    // The silence of the host tool that makes the call does not count while it waits.
    return Promise.resolve(watch.ask(() => this.#beginFound(host, { tool, args, options: own })));
  }

  #beginFound(host: HostCalls, { tool, args, options }: FoundCall): Promise<CallOutcome> {
    const begin = (found: FoundHostTool | undefined): Promise<CallOutcome> =>
      found === undefined
        ? this.#beginInPool(tool, args, options)
        : host.call(found, args, options);
    const found = host.find(tool, options);
    return found instanceof Promise ? found.then(begin) : begin(found);
  }

  #beginInPool(tool: string, args: Args, options: CallOptions): Promise<CallOutcome> {
    const pool = this.#poolFor(tool, options);
    const encoded = encodeArgs(args, this.#writing);
    const preparing = this.#preparation.prepare(tool, encoded, options, pool);
    if (preparing === undefined) return this.#send(tool, encoded, options, pool);
    return preparing.then((ready) =>
      holding(ready, () => this.#send(tool, ready.args, ready.options))
    );
  }

  /** Sends the call to its pool, under its policy if it has one. Refuses it at once. */
  #send(tool: string, encoded: Value, options: CallOptions, found?: Pool): Promise<CallOutcome> {
    const policed = this.#policed(tool, options, found);
    if (policed === undefined) {
      return this.#submit(tool, encoded, options, undefined, found).outcome;
    }
    const { policy, ...call } = policed;
    const attempt = (timeoutMs: number): Promise<CallOutcome> =>
      this.#submit(tool, encoded, { ...options, pool: call.pool, timeoutMs }).outcome;
    const inputs = CallInputs.of(encoded);
    if (inputs === undefined) return policy.run({ ...call, attempt });
    inputs.hold();
    return policy.run({ ...call, attempt, mayRepeat: () => !inputs.isRead })
      .finally(() => inputs.release());
  }

  /** Returns the policy that a call must pass, with its arguments; undefined if there is none. */
  #policed(
    tool: string,
    options: CallOptions,
    found: Pool | undefined,
  ): Policed | undefined {
    if (this.#policies === undefined || !this.#policies.hasAny) return undefined;
    const pool = found ?? this.#poolFor(tool, options);
    const policy = this.#policies.get(pool.name)?.for(tool);
    return policy && {
      policy,
      tool,
      pool: pool.name,
      timeoutMs: timeoutOf(pool, tool, options),
      signal: options.signal,
      isIdempotent: () => options.idempotent ?? pool.declaresIdempotent(tool, options.sessionId),
    };
  }

  /** Returns the pool of a call, whose options it checks. */
  #poolFor(tool: string, options: CallOptions): Pool {
    checkCallOptions(options);
    return this.#tools.poolFor(tool, options.pool, options);
  }

  /** Submits the call to its pool, synchronously down to the link or the queue. */
  #submit(
    tool: string,
    encoded: Value,
    options: CallOptions,
    sink?: ChunkSink,
    pool: Pool = this.#poolFor(tool, options),
    watch?: WorkWatch,
  ): Call {
    const origin = originOf(options);
    if (origin !== undefined) refuseDeadlock(pool, tool, { origin, options });
    const inputs = CallInputs.of(encoded);
    const request = poolRequest(pool, tool, options, { args: encoded, inputs, sink, watch });
    return inputs === undefined ? pool.submit(request) : submitHeld(pool, request, inputs);
  }
}

/** A call whose arguments are encoded. */
interface SentCall extends FoundCall {
  readonly args: Value;
}

/** A call that was looked up. */
export interface FoundCall {
  readonly tool: string;
  readonly args: Args;
  readonly options: CallOptions;
}

/** A call that passes a policy. */
interface Policed extends Omit<PolicedCall<unknown>, "attempt"> {
  readonly policy: CallPolicy;
  readonly pool: string;
}
