import { type Alarms, LoneAlarm } from "../../../async/mod.ts";
import { Value } from "../../../bridge/mod.ts";
import type { StallWatch } from "../../../pool/mod.ts";
import type { HostTool } from "../host_tool.ts";
import type {
  HostToolCall,
  NestedArgs,
  NestedCallOptions,
  NestedStream,
} from "../host_tool_call.ts";
import { type CallOrigin, ORIGIN, type Originated } from "../origin.ts";
import { checkedArgs, checkedOutput } from "./checked.ts";
import { type Batch, type CheckedItem, ItemReader, MAX_BATCH_BYTES } from "./item_reader.ts";
import { failed, failureOf, runEnded, tooDeep, tooLarge, tooLate } from "./run_errors.ts";
import type { NestedCalls, RunCaller, RunContext, RunLimits } from "./run_caller.ts";
import { chain, iteratorOf } from "./thenable.ts";
import { sizeOf } from "./value_size.ts";
import { watchOver } from "./watch_over.ts";

/** The owner of the runs, as a run sees it. */
export interface RunOwner {
  readonly alarms: Alarms;
  readonly limits: RunLimits;
  readonly calls: NestedCalls;
  /** Runs code of a tool, so that plain calls in it are known to be nested. */
  within<T>(run: HostRun, work: () => T): T;
  /** Called once when a run has ended. */
  ended(run: HostRun): void;
}

/**
 * One run of a host tool.
 *
 * `running` -> `ended` when its result is there, its stream was read to the end, it failed, its
 * caller left, a deadline passed, or it was silent for too long. The first cause counts. Its signal
 * aborts then, its generator is closed, and what the tool returns after that is dropped.
 */
export class HostRun implements HostToolCall, EventListenerObject {
  readonly id: string;
  readonly context: RunContext<HostRun> = { run: this };
  /** The place of the run among those that have not ended, which its owner keeps. */
  place = 0;
  readonly #tool: HostTool;
  readonly #caller: RunCaller;
  readonly #owner: RunOwner;
  /** The time that the tool may take. */
  readonly #timeoutMs: number;
  readonly #isCallersDeadline: boolean;
  readonly #deadlineAt: number;
  #isEnded = false;
  /** The reason of the end, if that was no result. */
  #reason: unknown;
  #controller: AbortController | undefined;
  /** Of the calls that the tool makes without {@link HostRun.execute}. */
  #stopping: AbortController | undefined;
  #alarm: LoneAlarm | undefined;
  readonly #watch: StallWatch | undefined;
  #reader: ItemReader | undefined;
  /** Settles what the caller waits for. */
  #reject: ((reason: unknown) => void) | undefined;

  constructor(id: string, { tool, caller, owner, timeoutMs }: {
    readonly tool: HostTool;
    readonly caller: RunCaller;
    readonly owner: RunOwner;
    readonly timeoutMs: number;
  }) {
    this.id = id;
    this.#tool = tool;
    this.#caller = caller;
    this.#owner = owner;
    this.#timeoutMs = timeoutMs;
    const ownDeadlineAt = owner.alarms.now + timeoutMs;
    this.#isCallersDeadline = caller.deadlineAt < ownDeadlineAt;
    this.#deadlineAt = this.#isCallersDeadline ? caller.deadlineAt : ownDeadlineAt;
    const stallTimeoutMs = caller.stallTimeoutMs ?? tool.stallTimeoutMs;
    const { alarms } = owner;
    this.#watch = stallTimeoutMs ? watchOver(this, { alarms, stallTimeoutMs }) : undefined;
  }

  get tool(): string {
    return this.#tool.name;
  }

  get depth(): number {
    return this.#caller.depth;
  }

  get sessionId(): string | undefined {
    return this.#caller.sessionId;
  }

  get pool(): string | undefined {
    return this.#caller.pool;
  }

  get workerId(): string | undefined {
    return this.#caller.workerId;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get remainingMs(): number {
    return Math.max(0, this.#deadlineAt - this.#owner.alarms.now);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // A tool that looks at its signal may be one that never awaits anything else.
      if (this.#isEnded) this.#controller.abort(this.#reason ?? runEnded(this.tool));
      else this.#arm();
    }
    return this.#controller.signal;
  }

  progress(report: unknown): void {
    if (this.#isEnded) return;
    this.#watch?.progress();
    if (this.#caller.onProgress === undefined) return;
    const { maxDepth } = this.#owner.limits;
    this.#caller.onProgress(Value.from(report, { maxDepth, name: "the progress" }));
  }

  execute<T>(
    tool: string,
    args: NestedArgs = {},
    options: NestedCallOptions = {},
  ): Promise<T> {
    const result = this.#execute(tool, args, options);
    // A tool may return without having awaited it. The call is cancelled then, and an error that
    // nobody awaits would end the program.
    result.catch(() => {});
    return result as Promise<T>;
  }

  stream<T>(
    tool: string,
    args: NestedArgs = {},
    options: NestedCallOptions = {},
  ): NestedStream<T> {
    return this.#owner.calls.stream<T>(tool, args, this.#nested(tool, options));
  }

  /**
   * Returns the options of a call that the tool makes without {@link HostRun.execute}: they have
   * the depth, the deadline and the cancellation, but not the session. Unlike there, the call may
   * outlive the tool that has returned.
   */
  plainOptions<O extends { readonly signal?: AbortSignal }>(tool: string, options: O): O {
    this.#stopping ??= new AbortController();
    this.#arm();
    return this.#within(tool, options, this.#stopping.signal);
  }

  /**
   * Runs the tool for its result. A generator runs to its end, and its chunks are the result.
   *
   * @throws {SnakedenError} Also by the promise: `invalid_arguments`, `host_tool_failed`,
   * `result_too_large`, `deadline_exceeded`, what the tool throws, or the reason of a stop.
   */
  value(args: unknown): Value | Promise<Value> {
    let value: Value | Promise<Value>;
    try {
      value = chain(this.#begin(args), (made) => this.#valueOf(made)) as Value | Promise<Value>;
    } catch (error) {
      throw this.#failed(error);
    }
    if (!(value instanceof Value)) return this.#until(value, { isLast: true });
    // A tool may have stopped its own call.
    if (this.#isEnded) throw this.#reason;
    this.#end();
    return value;
  }

  /**
   * Runs a tool that streams, as far as its first items.
   *
   * @throws {SnakedenError} See {@link HostRun.value}.
   */
  async open(args: unknown, maxBytes?: number): Promise<Batch> {
    const first = (async () => {
      const made = await this.#begin(args);
      const iterator = iteratorOf(made);
      if (iterator === undefined) {
        throw failed(this.tool, "it is said to stream, but returned no generator");
      }
      this.#reader = this.#readerOf(iterator);
      return await this.#reader.next(maxBytes);
    })();
    return await this.#batch(first);
  }

  /**
   * Returns the next items of a tool that streams.
   *
   * @throws {SnakedenError} See {@link HostRun.value}.
   */
  async next(maxBytes?: number): Promise<Batch> {
    if (this.#isEnded || this.#reader === undefined) throw this.#reason ?? runEnded(this.tool);
    this.#watch?.resume();
    return await this.#batch(this.#reader.next(maxBytes));
  }

  /** Notes that the reader of the stream asks for nothing until {@link HostRun.next}. */
  pause(): void {
    this.#watch?.pause();
  }

  /** True while somebody waits for a result or a batch. */
  get isAwaited(): boolean {
    return this.#reject !== undefined;
  }

  /** Ends the run for this reason, which its caller gets. */
  stop(reason: unknown): void {
    if (this.#isEnded) return;
    this.#reason = reason;
    this.#end();
    this.#stopping?.abort(reason);
    this.#reject?.(reason);
  }

  /** Called when the signal of the caller has aborted. */
  handleEvent(): void {
    this.stop(this.#caller.signal?.reason);
  }

  /**
   * Encodes a value that the tool has made. One that cannot be sent ends the run.
   *
   * @throws {SnakedenError} `host_tool_failed`, `result_too_large`.
   */
  encode(value: unknown, what: "the result" | "a chunk" | "the chunks"): Value {
    const { maxDepth, maxResultBytes } = this.#owner.limits;
    // Each chunk of a batch was measured alone. The estimate of a number is a sixteenth at least.
    const limit = maxResultBytes + (what === "the chunks" ? 16 * MAX_BATCH_BYTES : 0);
    try {
      if (sizeOf(value, limit) > limit) throw tooLarge(this.tool, what, maxResultBytes);
      // Items are two levels below the answer that has them.
      const encoded = Value.from(value ?? null, { maxDepth: maxDepth + 2, name: what });
      // Estimates are lower for numbers, and for texts that are not ASCII.
      if (encoded.weight > limit) throw tooLarge(this.tool, what, maxResultBytes);
      return encoded;
    } catch (error) {
      const problem = failureOf(this.tool, error);
      const failure = problem.code === "invalid_value"
        ? failed(this.tool, problem.message, { details: problem.details })
        : problem;
      this.stop(failure);
      throw failure;
    }
  }

  /** Starts the tool with checked arguments. */
  #begin(args: unknown): unknown {
    return chain(checkedArgs(this.#tool, args), (checked) => {
      if (!this.#isEnded) this.#watch?.begin();
      return this.#owner.within(this, () => this.#tool.run(checked, this));
    });
  }

  #valueOf(made: unknown): Value | Promise<Value> {
    const iterator = iteratorOf(made);
    if (iterator !== undefined) return this.#collect(iterator);
    return chain(checkedOutput(this.#tool, made, "result"), (it) => this.encode(it, "the result"));
  }

  /** Reads a generator to its end. */
  async #collect(iterator: ReturnType<typeof iteratorOf> & object): Promise<Value> {
    const reader = this.#reader = this.#readerOf(iterator);
    const { maxResultBytes } = this.#owner.limits;
    const chunks: unknown[] = [];
    let bytes = 0;
    while (true) {
      const batch = await reader.next();
      for (const item of batch.items) chunks.push(item);
      bytes += batch.bytes;
      if (bytes > maxResultBytes) throw tooLarge(this.tool, "the chunks", maxResultBytes);
      if (batch.done) return this.encode(chunks, "the result");
    }
  }

  #readerOf(iterator: ReturnType<typeof iteratorOf> & object): ItemReader {
    const { maxResultBytes } = this.#owner.limits;
    const measured = (value: unknown): CheckedItem => {
      const bytes = sizeOf(value, maxResultBytes);
      if (bytes > maxResultBytes) throw tooLarge(this.tool, "a chunk", maxResultBytes);
      return { value, bytes };
    };
    const reader = new ItemReader(iterator, {
      within: (step) => this.#owner.within(this, step),
      check: (item) => {
        this.#watch?.chunk(0);
        return chain(checkedOutput(this.#tool, item, "chunk"), measured);
      },
      now: () => this.#owner.alarms.now,
    });
    // The run may have ended before it had a generator.
    if (this.#isEnded) reader.close();
    return reader;
  }

  async #batch(batch: Promise<Batch>): Promise<Batch> {
    const read = await this.#until(batch, { isLast: false });
    if (read.done) this.#end();
    return read;
  }

  /** Waits for work of the tool, or for the end of the run. */
  #until<T>(work: Promise<T>, { isLast }: { readonly isLast: boolean }): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      work.then((result) => {
        this.#reject = undefined;
        if (this.#isEnded) return reject(this.#reason ?? runEnded(this.tool));
        if (isLast) this.#end();
        resolve(result);
      }, (error) => {
        this.#reject = undefined;
        reject(this.#failed(error));
      });
      this.#arm();
    });
  }

  /** Ends the run with what the tool threw; returns the error for its caller. */
  #failed(error: unknown): unknown {
    if (this.#isEnded) return this.#reason ?? runEnded(this.tool);
    this.#reason = failureOf(this.tool, error);
    this.#end();
    return this.#reason;
  }

  /** Has the run stopped when its deadline passes, or its caller leaves. */
  #arm(): void {
    if (this.#alarm !== undefined || this.#isEnded) return;
    this.#alarm = new LoneAlarm(() => {
      this.stop(tooLate(this.tool, this.#isCallersDeadline ? undefined : this.#timeoutMs));
    });
    this.#owner.alarms.set(this.#alarm, this.#deadlineAt);
    const { signal } = this.#caller;
    if (signal?.aborted) this.stop(signal.reason);
    else signal?.addEventListener("abort", this, { once: true });
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#watch?.end();
    if (this.#alarm !== undefined) {
      this.#owner.alarms.clear(this.#alarm);
      this.#caller.signal?.removeEventListener("abort", this);
    }
    this.#owner.ended(this);
    this.#controller?.abort(this.#reason ?? runEnded(this.tool));
    this.#reader?.close();
  }

  async #execute(tool: string, args: NestedArgs, options: NestedCallOptions): Promise<unknown> {
    return await this.#owner.calls.execute(tool, args, this.#nested(tool, options));
  }

  #nested(tool: string, options: NestedCallOptions): NestedCallOptions & Originated {
    const { sessionId } = this;
    const own = sessionId === undefined ? options : { sessionId, ...options };
    return this.#within(tool, own, this.signal);
  }

  #within<O extends { readonly signal?: AbortSignal }>(
    tool: string,
    options: O,
    ending: AbortSignal,
  ): O & Originated {
    const { depth, ancestors } = this.#caller;
    const { maxCallDepth } = this.#owner.limits;
    if (this.#isEnded) throw this.#reason ?? runEnded(this.tool);
    if (depth >= maxCallDepth) throw tooDeep(tool, depth + 1, maxCallDepth);
    const origin: CallOrigin = {
      overHttp: false,
      depth: depth + 1,
      ancestors,
      deadlineAt: this.#deadlineAt,
      watch: this.#watch,
    };
    const signal = options.signal === undefined
      ? ending
      : AbortSignal.any([options.signal, ending]);
    return { ...options, signal, [ORIGIN]: origin };
  }
}
