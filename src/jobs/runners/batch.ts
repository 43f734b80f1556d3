import { type Clock, SYSTEM_CLOCK } from "../../async/mod.ts";
import { findFiles, frameBytes, readFrame, Value, writeFrame } from "../../bridge/mod.ts";
import type { Calls } from "../../calls/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { type Files, FilesOfJob } from "../../files/mod.ts";
import { isRecord } from "../../json/mod.ts";
import type { PoolsByName } from "../../pool/mod.ts";
import type { Blobs, JobRow, JsonObject } from "../../store/mod.ts";
import type { ToolRegistry } from "../../tools/mod.ts";
import {
  type BatchProgress,
  BatchWork,
  type BatchWorkDeps,
  cellTypes,
  type FileBytes,
  FileFault,
  FileFeed,
  type Format,
  InlineFeed,
  type ItemArgs,
  type ItemFeed,
  type OutputBlobs,
  type Reached,
  readCheckpoint,
} from "../batches/mod.ts";
import { retryInMs } from "../failures/mod.ts";
import type { BatchJob, Job, JobItems } from "../job.ts";
import type { PreparedJob, Run, Runner, RunResult } from "./runner.ts";
import { poolForJob, wrongField } from "./tool_pool.ts";

/** Dependencies of a {@link BatchRunner}. */
export interface BatchRunnerDeps {
  readonly calls: Pick<Calls, "bulk" | "openFiles">;
  readonly tools: Pick<ToolRegistry, "find" | "learn" | "poolFor">;
  readonly pools: PoolsByName;
  readonly fileStore: Pick<Files, "get" | "read" | "store" | "list" | "remove">;
  /** Reads the outputs of a job that are kept so far. */
  readonly readOutputs: (id: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly blobs: Pick<Blobs, "create">;
  readonly limits: { readonly maxDepth: number };
  readonly config: Pick<
    JobsConfig,
    "timeoutMs" | "maxArgsBytes" | "maxBatchItems" | "maxResultBytes" | "retry"
  >;
  readonly clock?: Clock | undefined;
}

/** The options of a batch as they are kept, and those of every job that it reads. */
interface StoredOptions {
  readonly file?: string;
  readonly format?: Format;
  readonly input?: string;
  readonly items?: BatchJob["items"];
  readonly window?: number;
  readonly resultFile?: boolean;
  readonly timeoutMs?: number;
  readonly stallTimeoutMs?: number;
}

/** The arguments of a batch as they are kept. */
interface StoredArgs {
  readonly inputs?: readonly unknown[];
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The name of the file with the result. */
const RESULT_FILE = "result.ndjson";
/** The attempts of an item, unless the batch names others. */
const ITEM_ATTEMPTS = 1;

/**
 * Runs a tool for many items: the kind `batch`. Items that fail are part of the result; the job
 * itself fails if its items cannot be read, or its pool does not have the tool.
 *
 * As calls of jobs, its calls pass none of the policies of the pool. What came of the items is
 * written with checkpoints, so that a later start goes on where this one ends.
 */
export class BatchRunner implements Runner<BatchJob> {
  readonly kind = "batch";
  readonly resumes = true;
  readonly #deps: BatchRunnerDeps;
  readonly #clock: Clock;
  readonly #blobs: OutputBlobs;

  constructor(deps: BatchRunnerDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? SYSTEM_CLOCK;
    this.#blobs = {
      put: async (body) => {
        await using writer = await deps.blobs.create();
        await writer.write(body);
        return await writer.finish();
      },
    };
  }

  prepare(job: BatchJob): PreparedJob {
    const { tool, pool, inputs, inputsFile, format, input, items, window, resultFile, args } = job;
    const { tools, limits: { maxDepth }, config } = this.#deps;
    const found = poolForJob(tools, { tool, pool });
    const packed = args instanceof Value ? args : Value.from(
      { ...(inputs === undefined ? {} : { inputs }), ...(args === undefined ? {} : { args }) },
      { maxDepth: maxDepth + 2, name: "inputs" },
    );
    const bytes = frameBytes(packed);
    if (bytes > config.maxArgsBytes) {
      const message = `given ${bytes} bytes; allowed: at most ${config.maxArgsBytes}, or a file ` +
        "as inputsFile";
      throw wrongField(inputs === undefined ? "args" : "inputs", message);
    }
    if (packed.inputs !== undefined) {
      throw wrongField("inputs", "given an input stream; allowed: values that can be kept");
    }
    const options = {
      ...(inputsFile === undefined ? {} : { file: inputsFile, format: format ?? "ndjson" }),
      ...(input === undefined ? {} : { input }),
      ...(items === undefined ? {} : { items: JSON.parse(JSON.stringify(items)) as JsonObject }),
      ...(window === undefined ? {} : { window }),
      ...(resultFile === undefined ? {} : { resultFile }),
    };
    const files = [
      ...(inputsFile === undefined ? [] : [{ path: "inputsFile", id: inputsFile }]),
      ...(findFiles(packed, "")?.places ?? []),
    ];
    return {
      name: tool,
      pool: found.name,
      options,
      args: writeFrame(packed),
      ...(files.length === 0 ? {} : { files }),
    };
  }

  async run(run: Run): Promise<RunResult> {
    const startedAt = this.#clock.now();
    const reached = reachedBy(run);
    await using feed = await this.#feed(run, reached);
    let last: BatchProgress | undefined;
    const work = this.#work(run, {
      feed,
      reached,
      onProgress: (progress) => run.progress(last = progress),
    });
    try {
      await work.run();
    } catch (error) {
      throw error instanceof FileFault ? unreadable(run, error) : error;
    }
    const { resultFile }: StoredOptions = run.claim.job.options;
    if (resultFile) run.progress({ ...last, resultFile: await this.#keepResult(run) });
    return { result: { outputs: true }, runMs: this.#clock.now() - startedAt };
  }

  /** A batch that waits for its pool keeps what it has read. */
  mayWait(): boolean {
    return true;
  }

  describe({ name }: JobRow, progress?: unknown): Partial<Job> {
    const items = itemsOf(progress);
    const file = isRecord(progress) ? progress["resultFile"] : undefined;
    return {
      tool: name,
      ...(items === undefined ? {} : { items }),
      ...(typeof file === "string" ? { resultFile: file } : {}),
    };
  }

  /** Makes a file of the result; returns its id. */
  async #keepResult({ claim: { job: { id } }, signal }: Run): Promise<string> {
    const { fileStore, readOutputs } = this.#deps;
    const files = new FilesOfJob(fileStore, id);
    // That of an attempt that ended before the job did is the last file: no item has run since.
    const earlier = await files.kept(1);
    const source = readOutputs(id, signal);
    const mediaType = "application/x-ndjson";
    return (await files.keep({ source, name: RESULT_FILE, mediaType, signal }, earlier)).id;
  }

  #work(
    run: Run,
    { feed, reached, onProgress }: Pick<BatchWorkDeps, "feed" | "reached" | "onProgress">,
  ): BatchWork {
    const { calls, pools, tools, config } = this.#deps;
    const { name: tool, pool: poolName, id, options } = run.claim.job;
    const { items = {}, window, timeoutMs, stallTimeoutMs }: StoredOptions = options;
    const pool = poolForJob(tools, { tool, pool: poolName });
    const { maxAttempts = ITEM_ATTEMPTS, retry = {} } = items;
    const callOptions = {
      pool: poolName,
      requestId: id,
      timeoutMs: timeoutMs ?? (pool.code.timeoutOf(tool) || config.timeoutMs),
      ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
    };
    return new BatchWork({
      feed,
      reached,
      clock: this.#clock,
      signal: run.stopSignal,
      limits: { maxItems: config.maxBatchItems, maxResultBytes: config.maxResultBytes },
      blobs: this.#blobs,
      window: () => window ?? Math.max(1, pools.get(poolName)?.size ?? 1),
      bulk: (args, watch, priority) =>
        calls.bulk({ tool, items: args, options: { ...callOptions, priority } }, {
          ...watch,
          output: run.output,
          job: id,
        }),
      openFiles: (args) => calls.openFiles(args),
      retryInMs: (attempt, error) =>
        retryInMs({ attempt, maxAttempts, options: { retry: { ...retry } } }, error, {
          retry: config.retry,
        }),
      commit: (news) => run.commit(news),
      onBegun: (worker) => run.begun(worker),
      onRefused: () => run.waits(),
      onProgress,
    });
  }

  async #feed(run: Run, { low: from, place }: Reached): Promise<ItemFeed> {
    const { maxDepth } = this.#deps.limits;
    const { name: tool, pool, options } = run.claim.job;
    const { file, format = "ndjson", input }: StoredOptions = options;
    const { inputs = [], args } = argsOf(run);
    const common = args === undefined ? undefined : Value.from(args, { maxDepth });
    const itemArgs: ItemArgs = { input, common };
    if (file === undefined) return new InlineFeed(inputs, { from, args: itemArgs, maxDepth });
    const found = format === "csv"
      ? await this.#deps.tools.learn(tool, pool, { signal: run.signal, timeoutMs: 0 })
      : undefined;
    const schema = found?.inputSchema;
    return new FileFeed(await this.#open(file), {
      typesOf: schema && cellTypes(schema, input),
      format,
      from,
      place,
      args: itemArgs,
      maxItemBytes: this.#deps.config.maxArgsBytes,
      maxDepth,
    });
  }

  async #open(id: string): Promise<FileBytes> {
    const { fileStore } = this.#deps;
    const file = await fileStore.get(id);
    return {
      bytes: file.bytes,
      open: (start) => fileStore.read(file, { start, end: file.bytes }),
    };
  }
}

function argsOf({ claim: { job, args } }: Run): StoredArgs {
  try {
    return readFrame(args).decode() as StoredArgs;
  } catch (cause) {
    const text = `Cannot read the inputs of the job ${job.id}`;
    throw new SnakedenError("store_failed", text, { cause });
  }
}

function reachedBy({ claim: { job, checkpoint } }: Run): Reached {
  try {
    return readCheckpoint(checkpoint);
  } catch (cause) {
    const text = `Cannot read how far the job ${job.id} has come: ${(cause as Error).message}`;
    throw new SnakedenError("store_failed", text, { cause });
  }
}

/** The error of a job whose file does not have its format. */
function unreadable({ claim: { job } }: Run, fault: FileFault): SnakedenError {
  const { file = "", format }: StoredOptions = job.options;
  return new SnakedenError(
    "invalid_input",
    `Cannot read the file ${file} as ${format}: ${fault.message}`,
    { details: { file, line: fault.line } },
  );
}

function itemsOf(progress: unknown): JobItems | undefined {
  if (!isRecord(progress)) return undefined;
  const { done, failed, total } = progress;
  if (typeof done !== "number" || typeof failed !== "number") return undefined;
  return { done, failed, ...(typeof total === "number" ? { total } : {}) };
}
