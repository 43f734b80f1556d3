import { type InputCollector, mayNameFiles, Value } from "../bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../errors.ts";
import type { CallOutcome, ChunkStream } from "../pool/mod.ts";
import {
  type FoundHostTool,
  HOST_WORKER_ID,
  type HostRun,
  type HostRuns,
  type HostTools,
  ORIGIN,
  type Originated,
  visibleTo,
} from "../tools/mod.ts";
import { type Args, type CallOptions, checkCallOptions, encodeArgs } from "./call_options.ts";
import type { DescribedFiles, HostFiles } from "./files/mod.ts";
import { reporterTo } from "./progress_listener.ts";

/** Dependencies of {@link HostCalls}. */
export interface HostCallsDeps {
  readonly tools: HostTools;
  readonly runs: HostRuns;
  readonly maxDepth: number;
  /** Describes the files that arguments name; without it, `$file` is a key like any other. */
  readonly files?: HostFiles | undefined;
}

/** A call of a host tool that was started. */
interface Started {
  readonly run: HostRun;
  readonly args: unknown;
  readonly startedAt: number;
}

/** Calls of host tools by programs and by clients of HTTP, and the calls that host tools make. */
export class HostCalls {
  readonly #tools: HostTools;
  readonly #runs: HostRuns;
  readonly #maxDepth: number;
  readonly #files: HostFiles | undefined;
  #isClosed = false;

  constructor({ tools, runs, maxDepth, files }: HostCallsDeps) {
    this.#files = files;
    this.#tools = tools;
    this.#runs = runs;
    this.#maxDepth = maxDepth;
  }

  /** False if no call can have anything to do with host tools, which is all that it costs then. */
  get isActive(): boolean {
    return !this.#tools.isEmpty || this.#runs.running > 0;
  }

  /** True in the code of a host tool that runs, and in what it awaits. */
  get isCaller(): boolean {
    return this.#runs.current !== undefined;
  }

  /** Returns the options of a call, nested if a host tool makes it. */
  optionsOf(tool: string, options: CallOptions & Originated): CallOptions & Originated {
    if (options[ORIGIN] !== undefined) return options;
    return this.#runs.current?.plainOptions(tool, options) ?? options;
  }

  /**
   * Returns the host tool that a call would run; undefined if it is for a pool. A promise if the
   * store must be asked first whether the session is open.
   *
   * @throws {SnakedenError} `invalid_input` for options that are wrong, `shutting_down`.
   */
  find(
    tool: string,
    options: CallOptions & Originated,
  ): FoundHostTool | undefined | Promise<FoundHostTool | undefined> {
    const found = this.#find(tool, options);
    if (found === undefined) return undefined;
    checkCallOptions(options);
    if (this.#isClosed) throw stopping(tool);
    if (found.sessionId === undefined) return found;
    const refreshing = this.#tools.refresh(found.sessionId);
    return refreshing === undefined ? found : refreshing.then(() => this.#find(tool, options));
  }

  /** Runs a host tool for its result. */
  async call(
    found: FoundHostTool,
    args: Args,
    options: CallOptions & Originated,
  ): Promise<CallOutcome> {
    const encoded = this.#encoded(found, args);
    using described = this.#describes(encoded) ? await this.#describe(encoded) : undefined;
    const listener = listenerOf(found, options);
    const started = this.#start(found, described?.args ?? encoded, options, listener);
    return this.#outcome(started, await started.run.value(started.args));
  }

  /** Runs a host tool, whose chunks a stream receives. */
  stream(
    stream: ChunkStream,
    { found, args, options }: {
      readonly found: FoundHostTool;
      readonly args: Args;
      readonly options: CallOptions & Originated;
    },
  ): void {
    const listener = listenerOf(found, options);
    const window = new Window(stream.windowBytes);
    const feed = (encoded: Value): Promise<CallOutcome> => {
      const started = this.#start(found, encoded, options, (report) => {
        stream.onProgress(report);
        listener?.(report);
      });
      return this.#feed(started, stream, window, found.tool.streams);
    };
    const encoded = this.#encoded(found, args);
    const outcome = this.#describes(encoded) ? this.#feedDescribed(encoded, feed) : feed(encoded);
    stream.attach({ outcome, credit: (bytes) => window.credit(bytes) });
  }

  async #feedDescribed(
    encoded: Value,
    feed: (encoded: Value) => Promise<CallOutcome>,
  ): Promise<CallOutcome> {
    using described = await this.#describe(encoded);
    return await feed(described.args);
  }

  /** Returns false for arguments that name no file: those of almost every call. */
  #describes(encoded: Value): boolean {
    return this.#files !== undefined && mayNameFiles(encoded);
  }

  #describe(encoded: Value): Promise<DescribedFiles> {
    if (this.#files === undefined) throw new TypeError("there are no files");
    return this.#files.describe(encoded, "args");
  }

  #encoded({ tool }: FoundHostTool, args: Args): Value {
    return encodeArgs(args, {
      maxDepth: this.#maxDepth,
      name: "args",
      inputs: noInputs(tool.name),
    });
  }

  /** Refuses further calls by programs. Tools in Python that still run may go on with theirs. */
  close(): void {
    this.#isClosed = true;
  }

  /** Resolves when no host tool runs, at the latest after `drainMs`. */
  async idle(drainMs: number): Promise<void> {
    await this.#runs.idle(drainMs);
  }

  /** Ends the host tools that run. */
  stopAll(): void {
    this.#runs.stopAll();
  }

  #find(tool: string, options: CallOptions & Originated): FoundHostTool | undefined {
    // A call that names a pool is for a tool of that pool.
    if (options.pool !== undefined) return undefined;
    return this.#tools.find(tool, options.sessionId, visibleTo(options[ORIGIN]));
  }

  #start(
    { tool }: FoundHostTool,
    args: Value,
    options: CallOptions & Originated,
    onProgress?: (report: Value) => void,
  ): Started {
    const { sessionId, signal, timeoutMs = Infinity, stallTimeoutMs, [ORIGIN]: origin } = options;
    signal?.throwIfAborted();
    // As for a tool in Python: a tool gets a copy, and only values that could travel.
    const decoded = args.decode();
    const startedAt = this.#runs.alarms.now;
    const run = this.#runs.begin(tool, {
      depth: origin?.depth ?? 0,
      ancestors: origin?.ancestors ?? [],
      sessionId,
      pool: undefined,
      workerId: undefined,
      deadlineAt: Math.min(startedAt + timeoutMs, origin?.deadlineAt ?? Infinity),
      stallTimeoutMs,
      signal,
      onProgress,
    });
    return { run, args: decoded, startedAt };
  }

  /** Sends the chunks as far as the reader takes them. */
  async #feed(
    started: Started,
    stream: ChunkStream,
    window: Window,
    streams: boolean,
  ): Promise<CallOutcome> {
    const { run, args } = started;
    if (!streams) return this.#outcome(started, await run.value(args));
    let batch = await run.open(args, window.bytes);
    while (true) {
      for (const item of batch.items) {
        const chunk = run.encode(item, "a chunk");
        window.sent(chunk.weight);
        stream.onChunk(chunk);
      }
      if (batch.done) return this.#outcome(started, run.encode(batch.result, "the result"));
      if (!window.isOpen) {
        run.pause();
        await window.hasRoom(run.signal);
      }
      batch = await run.next(window.bytes);
    }
  }

  #outcome({ run, startedAt }: Started, value: Value): CallOutcome {
    const durationMs = this.#runs.alarms.now - startedAt;
    return {
      value,
      callId: run.id,
      workerId: HOST_WORKER_ID,
      durationMs,
      queueMs: 0,
      runMs: durationMs,
    };
  }
}

/** Refuses input streams among the arguments of a host tool. */
function noInputs(tool: string): () => InputCollector {
  return () => ({
    add: (_source, path) => {
      const message = "given an input stream, which only tools in Python take; give a " +
        "list of the items";
      throw new InvalidInputError(
        `Cannot call ${tool}: ${path}: ${message}`,
        [{ path, message }],
        "invalid_arguments",
      );
    },
  });
}

/** Returns the function that passes the progress of a host tool to its caller, if that listens. */
function listenerOf(
  { tool }: FoundHostTool,
  { onProgress }: CallOptions,
): ((report: Value) => void) | undefined {
  return onProgress && reporterTo(onProgress, tool.name);
}

/** The bytes of a stream that may wait for its reader. */
class Window {
  #left: number;
  #wake: (() => void) | undefined;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** The bytes that may be sent; at least 1, since a chunk may be larger than the window. */
  get bytes(): number {
    return Math.max(1, this.#left);
  }

  /** True if something may be sent. */
  get isOpen(): boolean {
    return this.#left > 0;
  }

  sent(bytes: number): void {
    this.#left -= bytes;
  }

  credit(bytes: number): void {
    this.#left += bytes;
    if (this.#left > 0) this.#wake?.();
  }

  /** Resolves when something may be sent, or when the run has ended. */
  async hasRoom(ending: AbortSignal): Promise<void> {
    if (this.#left > 0 || ending.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const onEnd = (): void => resolve();
    ending.addEventListener("abort", onEnd, { once: true });
    await promise;
    // A long stream waits many times, and its signal lives as long as it does.
    ending.removeEventListener("abort", onEnd);
    this.#wake = undefined;
  }
}

function stopping(tool: string): SnakedenError {
  return new SnakedenError("shutting_down", `Cannot call the host tool ${tool}: the host stops`, {
    retryable: true,
    details: { mayHaveRun: false },
  });
}
