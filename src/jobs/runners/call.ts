import { settlesWithin, type StopSignal } from "../../async/mod.ts";
import {
  type CallOutcome,
  type CallWork,
  ChunkStream,
  type OutputSink,
  type Pool,
  type PoolsByName,
} from "../../pool/mod.ts";
import {
  findFiles,
  frameBytes,
  isLargeFrame,
  LargeFrames,
  readFrame,
  Value,
  ValueList,
  writeFrame,
  type WriteOptions,
} from "../../bridge/mod.ts";
import {
  type CallOptions,
  type Calls,
  checkCallOptions,
  encodeArgs,
  refuseTooMany,
  type WorkWatch,
} from "../../calls/mod.ts";
import type { FilesConfig, JobsConfig } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { JobRow } from "../../store/mod.ts";
import type { ToolRegistry } from "../../tools/mod.ts";
import type { CallJob, Job } from "../job.ts";
import type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";
import { poolForJob, wrongField } from "./tool_pool.ts";

type WorkCall = Parameters<Calls["work"]>[0];

/** The longest wait for the last output of a call. A pipe holds little. */
const OUTPUT_MS = 5_000;

/** Dependencies of a {@link CallRunner}. */
export interface CallRunnerDeps {
  readonly calls: Pick<Calls, "work">;
  readonly tools: Pick<ToolRegistry, "find" | "poolFor">;
  readonly pools: PoolsByName;
  readonly limits: { readonly maxDepth: number; readonly streamWindowBytes: number };
  readonly config: Pick<JobsConfig, "timeoutMs" | "maxArgsBytes" | "maxResultBytes">;
  readonly files: Pick<FilesConfig, "maxFilesPerCall">;
}

/** The options of a job that {@link CallRunner} keeps, and those of every job that it reads. */
interface StoredOptions {
  readonly sessionId?: string;
  readonly affinity?: CallOptions["affinity"];
  readonly timeoutMs?: number;
  readonly stallTimeoutMs?: number;
}

/**
 * Runs calls of tools: the kind `call`. The tool is one of a pool, since a host tool may be gone
 * when the job runs.
 *
 * A call of a job passes none of the policies of its pool, and does not run again within the pool
 * when its worker dies: the job has its own attempts, and the two would multiply. Its id is the
 * request id of the call.
 */
export class CallRunner implements Runner<CallJob> {
  readonly kind = "call";
  readonly #deps: CallRunnerDeps;
  readonly #writing: WriteOptions;

  constructor(deps: CallRunnerDeps) {
    this.#deps = deps;
    this.#writing = { maxDepth: deps.limits.maxDepth, name: "args" };
  }

  prepare({ tool, args = {}, pool, sessionId, affinity }: CallJob): PreparedJob {
    const options = {
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(affinity === undefined ? {} : { affinity }),
    };
    checkCallOptions(options);
    const found = this.#poolFor(tool, pool, sessionId);
    const encoded = encodeArgs(args, this.#writing);
    const { maxArgsBytes } = this.#deps.config;
    const bytes = frameBytes(encoded);
    if (bytes > maxArgsBytes) {
      throw wrongField("args", `given ${bytes} bytes; allowed: at most ${maxArgsBytes}`);
    }
    if (encoded.inputs !== undefined) {
      throw wrongField("args", "given an input stream; allowed: values that can be kept");
    }
    const prepared = { name: tool, pool: found.name, options, args: writeFrame(encoded) };
    const named = findFiles(encoded, "args");
    if (named === undefined) return prepared;
    refuseTooMany(named, this.#deps.files.maxFilesPerCall);
    return { ...prepared, files: named.places };
  }

  async run(run: Run): Promise<RunResult> {
    const { name: tool, pool: poolName, id } = run.claim.job;
    const { sessionId, affinity, timeoutMs, stallTimeoutMs }: StoredOptions = run.claim.job.options;
    const { maxResultBytes } = this.#deps.config;
    const pool = this.#poolFor(tool, poolName, sessionId);
    const options: CallOptions = {
      pool: poolName,
      requestId: id,
      idempotent: false,
      timeoutMs: timeoutMs ?? this.#timeoutOf(tool, pool, sessionId),
      // The wait for a strict session needs the whole signal.
      ...(sessionId === undefined ? {} : { sessionId, signal: run.signal }),
      ...(affinity === undefined ? {} : { affinity }),
      ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
    };
    const watched = new WatchedWork(run);
    const call = { tool, args: argsOf(run), options };
    try {
      const streams = (worker?: string): boolean => isStreaming(pool, call, worker);
      // A tool of code that no worker has loaded yet may stream.
      const outcome = !pool.code.isConfirmed || streams()
        ? await this.#stream(run, { call, watched, streams })
        : await this.#deps.calls.work(call, watched);
      const { value, runMs } = outcome;
      if (watched.isReadingOutput) await watched.outputRead();
      const bytes = frameBytes(value);
      if (bytes > maxResultBytes) throw tooLarge(tool, bytes, maxResultBytes);
      const result = isLargeFrame(bytes) ? await new LargeFrames().write(value) : writeFrame(value);
      return { result, runMs };
    } catch (error) {
      await watched.over();
      await watched.outputRead();
      throw error;
    }
  }

  mayWait({ options, pool }: JobRow): boolean {
    const { sessionId, affinity = this.#deps.pools.get(pool)?.sessions.mode }: StoredOptions =
      options;
    return sessionId !== undefined && affinity !== undefined && affinity !== "hint";
  }

  describe({ name }: JobRow): Partial<Job> {
    return { tool: name };
  }

  /**
   * Runs a tool that may stream: keeps its chunks, and returns them as one list, as a call does.
   *
   * @param streams Returns true if the tool of a worker streams.
   */
  async #stream(
    run: Run,
    { call, watched, streams }: {
      readonly call: WorkCall;
      readonly watched: WatchedWork;
      readonly streams: (worker: string) => boolean;
    },
  ): Promise<CallOutcome> {
    const { limits: { streamWindowBytes, maxDepth }, config: { maxResultBytes } } = this.#deps;
    const stream = new ChunkStream(streamWindowBytes);
    const list = new ValueList();
    let isList = true;
    const tooLong = new AbortController();
    const signal = AbortSignal.any([run.signal, tooLong.signal]);
    const outcome = this.#deps.calls.work(
      { ...call, options: { ...call.options, signal } },
      {
        job: watched.job,
        onSent: (work) => {
          // Now, since the worker may be gone when its tool has run.
          isList = streams(work.workerId);
          watched.onSent(work);
        },
        onProgress: watched.onProgress,
        output: watched.output,
        stream,
      },
    );
    // The stream throws the same error.
    outcome.catch(() => {});
    for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
      if (event.type === "done") {
        return isList || list.length > 0 ? { ...event, value: list.asList() } : event;
      }
      if (event.type === "progress") continue;
      list.add(event.value, { maxDepth });
      if (list.weight > maxResultBytes) {
        tooLong.abort(tooLarge(call.tool, list.weight, maxResultBytes));
        continue;
      }
      await run.chunk(writeFrame(event.value));
    }
    return await outcome;
  }

  #poolFor(tool: string, pool: string | undefined, sessionId: string | undefined): Pool {
    return poolForJob(this.#deps.tools, { tool, pool, sessionId });
  }

  /** Returns the time of an attempt that names none: that of its tool, else that of all jobs. */
  #timeoutOf(tool: string, pool: Pool, sessionId: string | undefined): number {
    return pool.code.timeoutOf(tool) || pool.registered.timeoutOf(tool, sessionId) ||
      this.#deps.config.timeoutMs;
  }
}

/** The work of a run in its worker, reported to the run. */
class WatchedWork implements WorkWatch {
  readonly job: string;
  readonly signal: StopSignal;
  readonly output: OutputSink | undefined;
  readonly #run: Run;
  #work: CallWork | undefined;

  constructor(run: Run) {
    this.#run = run;
    this.job = run.claim.job.id;
    this.signal = run.stopSignal;
    this.output = run.output;
  }

  readonly onSent = (work: CallWork): void => {
    this.#work = work;
    this.#run.begun(work.workerId);
    work.onOver = () => {
      if (work.wasSkipped) this.#run.waits();
    };
  };

  readonly onProgress = (report: Value): void => this.#run.progress(JSON.parse(report.jsonText()));

  /** True if some of the output of the work may not have been read. */
  get isReadingOutput(): boolean {
    return this.#work?.outputRead !== undefined;
  }

  /** Resolves when the output of the work was read, or cannot be read in time. */
  async outputRead(): Promise<void> {
    const read = this.#work?.outputRead;
    if (read !== undefined) await settlesWithin(read, OUTPUT_MS);
  }

  /** Resolves when the work is over, which may be some time after the call has failed. */
  async over(): Promise<void> {
    const work = this.#work;
    if (work === undefined || work.isOver) return;
    await new Promise<void>((resolve) => {
      work.onOver = () => {
        if (work.wasSkipped) this.#run.waits();
        resolve();
      };
    });
  }
}

/** Returns true if the tool of a worker streams, or that of the newest one. */
function isStreaming(
  pool: Pool,
  { tool, options: { sessionId } }: WorkCall,
  worker: string | undefined,
): boolean {
  const own = worker === undefined ? undefined : pool.workers.find(({ id }) => id === worker);
  const { tools } = own ?? pool;
  const found = tools.find(({ name }) => name === tool) ??
    pool.registered.find(tool, sessionId)?.tool;
  return found?.streams ?? false;
}

/** Returns the arguments of a job. */
function argsOf({ claim: { job, args } }: Run): Value {
  try {
    return readFrame(args);
  } catch (cause) {
    const text = `Cannot read the arguments of the job ${job.id}`;
    throw new SnakedenError("store_failed", text, { cause });
  }
}

function tooLarge(tool: string, bytes: number, maxResultBytes: number): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot keep the result of ${tool}: it has ${bytes} bytes; allowed: at most ` +
      `${maxResultBytes} (jobs.maxResultBytes)`,
    { details: { bytes, maxResultBytes } },
  );
}
