import { type Clock, SYSTEM_CLOCK, TurnBudget } from "../async/mod.ts";
import { readFrame } from "../bridge/mod.ts";
import { showCaller } from "../caller_stack.ts";
import type { JobsConfig } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { Blobs, JobStore, OutputsAsResult, SubmitAnswer } from "../store/mod.ts";
import type { FilePage, Files } from "../files/mod.ts";
import type {
  BatchResult,
  BatchResultsOptions,
  CancelJobOptions,
  CancelManyOptions,
  Job,
  JobChoice,
  JobEvent,
  JobEventsOptions,
  JobInput,
  JobListOptions,
  JobPage,
  ManyOutcome,
  ManySubmitOutcome,
  RetryManyOptions,
  SubmitJobOptions,
  SubmitOutcome,
  WaitOptions,
} from "./job.ts";
import {
  batchResults,
  jobEvents,
  jobLogParts,
  type JobLogsOptions,
  type JobOutput,
  jobOutputs,
  linesOf,
  type LogItem,
  type LogLine,
  waitForEnd,
} from "./follow/mod.ts";
import { JobChanges } from "./job_changes.ts";
import { unknownJob } from "./job_errors.ts";
import type { JobFeed } from "./job_feed.ts";
import { JobHandle } from "./job_handle.ts";
import { decodedFrame, JobReader, type ReadValue, type RunningJobs } from "./job_reader.ts";
import { JobSubmissions } from "./job_submissions.ts";
import type { Runners } from "./runners/mod.ts";
import { JobTokens } from "./scripts/mod.ts";
import type { StoredBlob } from "./stored_blob.ts";
import { StreamedBatches, type SubmitOptions, Submitter } from "./submission/mod.ts";
import type { PoolStates } from "./waiting_for.ts";

/** The bytes of logs that are read in one turn of the event loop: about a thousand short lines. */
const LOG_BYTES_A_TURN = 64 * 1024;

/** Dependencies of {@link Jobs}. */
export interface JobsDeps {
  /** The store of jobs, or the reason why there is none. */
  readonly store: JobStore | SnakedenError;
  /** The blobs that the store names. */
  readonly blobs: Blobs;
  /** The files that jobs have made, and those with the items of batches. */
  readonly files: Pick<Files, "list" | "add" | "remove">;
  readonly engine: RunningJobs;
  readonly feed: JobFeed;
  readonly runners: Runners;
  readonly config: JobsConfig;
  readonly pools: PoolStates;
  /** The tokens of the jobs that run. By default, there are none. */
  readonly tokens?: JobTokens;
  readonly clock?: Clock;
  /** The deepest nesting of an item; by default that of any value. */
  readonly maxDepth?: number;
  /** Reads a stored result or chunk for those who get jobs and events. By default it is decoded. */
  readonly read?: ReadValue;
}

/** The parts that exist if there is a store. */
interface Parts {
  readonly store: JobStore;
  readonly submissions: JobSubmissions;
  readonly reader: JobReader;
  readonly changes: JobChanges;
}

/**
 * Durable jobs. A job is in the store when its submission resolves: it runs even if the host is
 * killed right after, and is kept for a while after its end.
 *
 * Every method throws `store_unavailable` if this program has no store of jobs, because another one
 * has the data directory.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * const job = await den.jobs.submit({ tool: "add", args: { a: 2, b: 3 } });
 * console.log(await job.result());
 * ```
 */
export class Jobs {
  /** The tokens by which jobs that run use the host. The server checks them. */
  readonly tokens: JobTokens;
  readonly #deps: JobsDeps;
  readonly #clock: Clock;
  readonly #made: Parts | SnakedenError;
  readonly #read: ReadValue;
  /** The bytes of logs that all readers get in one turn of the event loop. */
  readonly #logTurns = new TurnBudget(LOG_BYTES_A_TURN);

  /** Programs get theirs from {@link Snakeden.jobs}. */
  constructor(deps: JobsDeps) {
    this.tokens = deps.tokens ?? new JobTokens();
    this.#deps = { ...deps, tokens: this.tokens };
    this.#clock = deps.clock ?? SYSTEM_CLOCK;
    this.#read = deps.read ?? decodedFrame;
    const { store } = deps;
    this.#made = store instanceof SnakedenError ? store : this.#partsOf(store);
  }

  /** Returns the same jobs, with results and chunks that stay encoded, as a {@link Value}. */
  encoded(): Jobs {
    return new Jobs({ ...this.#deps, read: readFrame });
  }

  /**
   * Submits a job. It is durable when this resolves.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, `unknown_tool`,
   * `unknown_pool`, `idempotency_conflict`, `queue_draining`, or `store_failed`. For the items of
   * an iterable also the errors of {@link Files.add}, their own, and the reason of the signal.
   */
  async submit(input: JobInput, { signal }: SubmitJobOptions = {}): Promise<JobHandle> {
    try {
      return new JobHandle(await this.submission(input, { signal }), this);
    } catch (error) {
      showCaller(error, { below: this.submit, signal });
      throw error;
    }
  }

  /** Does the same as {@link Jobs.submit}; returns the job as it is then. */
  async submission(input: unknown, options?: SubmitOptions): Promise<SubmitOutcome> {
    return await this.#parts.submissions.one(input, options);
  }

  /**
   * Submits jobs. Up to 1,000 jobs in an array are submitted all or none; more, or those of another
   * iterable, in parts of 1,000. Returns the outcome of each, in order: one with the idempotency
   * key of another submission is answered with `conflict`. If a part is refused, the error has the
   * number of jobs that were submitted before it, as `details.submitted`.
   *
   * @throws {SnakedenError} As {@link Jobs.submit}, but no `idempotency_conflict`; an
   * `invalid_input` names every job of the part that is wrong.
   */
  async submitMany(
    inputs: Iterable<JobInput> | AsyncIterable<JobInput>,
  ): Promise<ManySubmitOutcome[]> {
    const outcomes: ManySubmitOutcome[] = [];
    try {
      for await (const part of this.submissions(inputs)) outcomes.push(...part);
      return outcomes;
    } catch (error) {
      showCaller(error, { below: this.submitMany });
      throw error;
    }
  }

  /** Does the same as {@link Jobs.submitMany}; yields each part when it is durable. */
  async *submissions(
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
  ): AsyncGenerator<ManySubmitOutcome[], void, undefined> {
    yield* this.#parts.submissions.inParts(inputs);
  }

  /**
   * Submits up to 1,000 jobs, all or none. Returns the answer for each, in order; one with the
   * idempotency key of another submission is answered with `conflict`.
   *
   * @throws {SnakedenError} As {@link Jobs.submitMany}.
   */
  async submitAll(
    inputs: readonly unknown[],
    options?: SubmitOptions,
  ): Promise<readonly SubmitAnswer[]> {
    return await this.#parts.submissions.all(inputs, options);
  }

  /**
   * Returns a job as it is now.
   *
   * @throws {SnakedenError} `unknown_job`.
   */
  async get(id: string): Promise<Job> {
    const job = await this.#parts.reader.find(id);
    if (job === undefined) throw unknownJob(id);
    return job;
  }

  /**
   * Lists jobs, the last submitted first.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, such as a cursor of
   * another choice.
   */
  async list(choice: JobChoice = {}, options: JobListOptions = {}): Promise<JobPage> {
    return await this.#parts.reader.list(choice, options);
  }

  /**
   * Lists the files that a job has made, the last one first. They are kept with the job.
   *
   * @throws {SnakedenError} `unknown_job`; `invalid_input` naming every field that is wrong.
   */
  async artifacts(id: string, options: JobListOptions = {}): Promise<FilePage> {
    await this.get(id);
    return await this.#deps.files.list({ ...options, job: id });
  }

  /**
   * Cancels a job. A waiting one is cancelled at once; a running one is stopped, if need be by
   * ending its worker. The request is durable when this resolves. Has no effect on a job that has
   * ended.
   *
   * @throws {SnakedenError} `unknown_job`.
   */
  async cancel(id: string, options: CancelJobOptions = {}): Promise<Job> {
    await this.#parts.changes.cancel(id, options);
    return await this.get(id);
  }

  /**
   * Makes a job run again at once: one that has ended, or one that waits for its next attempt. A
   * job that has used up its attempts gets one more.
   *
   * @throws {SnakedenError} `unknown_job`; `job_running`; `queue_draining` for one that has ended
   * in a queue that drains.
   */
  async retry(id: string): Promise<Job> {
    await this.#parts.changes.retry(id);
    return await this.get(id);
  }

  /**
   * Cancels all jobs of a choice, which must not be empty, like {@link Jobs.cancel}. Works in
   * parts, between which other work of the store goes on; each part is durable by itself.
   *
   * @throws {SnakedenError} `invalid_input`. If the signal aborts, its reason is thrown.
   */
  async cancelMany(choice: JobChoice, options: CancelManyOptions = {}): Promise<ManyOutcome> {
    return await this.#parts.changes.cancelMany(choice, options);
  }

  /**
   * Retries all jobs of a choice, which must not be empty, like {@link Jobs.retry}, in parts as
   * {@link Jobs.cancelMany}. Leaves out jobs that run, and those that have ended in a queue that
   * drains.
   *
   * @throws {SnakedenError} `invalid_input`. If the signal aborts, its reason is thrown.
   */
  async retryMany(choice: JobChoice, options: RetryManyOptions = {}): Promise<ManyOutcome> {
    return await this.#parts.changes.retryMany(choice, options);
  }

  /**
   * Returns the result of a job that has ended, decoded; of a batch, the numbers of its items.
   *
   * @throws {SnakedenError} `unknown_job`; `job_unfinished`; the error of the job if it has failed,
   * `cancelled` or `job_expired`.
   */
  async result<T = unknown>(id: string): Promise<T> {
    const stored = await this.storedResult(id);
    if ("outputs" in stored) return (await this.get(id)).items as T;
    const frame = stored instanceof Uint8Array ? stored : await stored.read();
    return readFrame(frame).decode() as T;
  }

  /** Returns the result like {@link Jobs.result}, as it is stored: bytes, a blob, or outputs. */
  async storedResult(
    id: string,
  ): Promise<Uint8Array<ArrayBuffer> | StoredBlob | OutputsAsResult> {
    return await this.#parts.reader.result(id);
  }

  /**
   * Yields what came of the items of a batch, in the order in which they ended: those that have,
   * and then the others, until its end. If the batch itself fails, its error is thrown at the end.
   *
   * @throws {SnakedenError} `unknown_job`; the error of the job; `store_failed`. If the signal
   * aborts, its reason is thrown.
   */
  async *results<T = unknown>(
    id: string,
    { follow = true, signal }: BatchResultsOptions = {},
  ): AsyncGenerator<BatchResult<T>, void, undefined> {
    yield* batchResults<T>(this.outputs(id, { follow, ...(signal && { signal }) }));
    if (!follow) return;
    const { done, state } = await this.get(id);
    if (done && state !== "completed") await this.storedResult(id);
  }

  /**
   * Yields the outputs of a job as they are stored, in parts.
   *
   * @throws {SnakedenError} `unknown_job`. If the signal aborts, its reason is thrown.
   */
  async *outputs(
    id: string,
    { after = 0, follow = true, signal = new AbortController().signal }:
      & BatchResultsOptions
      & { readonly after?: number } = {},
  ): AsyncGenerator<JobOutput, void, undefined> {
    const { store } = this.#parts;
    if (await store.get(id) === undefined) throw unknownJob(id);
    yield* jobOutputs(id, { store, blobs: this.#deps.blobs, after, follow, signal });
  }

  /**
   * Waits until a job has ended, and returns it; after `timeoutMs`, as it is then.
   *
   * @throws {SnakedenError} `unknown_job`. If the signal aborts, its reason is thrown.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    return await waitForEnd(id, {
      ...options,
      get: () => this.get(id),
      feed: this.#deps.feed,
      clock: this.#clock,
    });
  }

  /**
   * Yields the events of a job, those that have been and those to come, until its end. The first
   * one is its `state`. A chunk is yielded once; of progress and states that come faster than they
   * are read, the last.
   *
   * @throws {SnakedenError} `unknown_job`. If the signal aborts, its reason is thrown.
   */
  async *events(
    id: string,
    options: JobEventsOptions = {},
  ): AsyncGenerator<JobEvent, void, undefined> {
    const { store, reader } = this.#parts;
    const deps = {
      feed: this.#deps.feed,
      get: (it: string) => this.get(it),
      find: (it: string) => reader.find(it),
      stored: store.events.bind(store),
      decode: this.#read,
    };
    yield* jobEvents(id, { deps, options });
  }

  /**
   * Yields the lines of the log of a job. Waits for further ones until the job has ended, unless
   * `follow` is false. If the log has no line `after`, its first line follows.
   *
   * @throws {SnakedenError} `unknown_job`, also at the end, for a job that was removed meanwhile;
   * `invalid_input` for a position that is none. If the signal aborts, its reason is thrown.
   */
  async *logs(id: string, options: JobLogsOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    for await (const item of this.logParts(id, options)) {
      if (item.kind === "lines") yield* linesOf(item.part);
    }
    if (await this.#parts.store.get(id) === undefined) throw unknownJob(id);
  }

  /** Does the same as {@link Jobs.logs}; yields many lines at a time, as they are stored. */
  async *logParts(
    id: string,
    options: JobLogsOptions = {},
  ): AsyncGenerator<LogItem, void, undefined> {
    const { store } = this.#parts;
    if (await store.get(id) === undefined) throw unknownJob(id);
    for await (const item of jobLogParts(id, { store, options })) {
      if (item.kind === "lines") await this.#logTurns.take(item.part.body.byteLength);
      yield item;
    }
  }

  get #parts(): Parts {
    if (this.#made instanceof SnakedenError) throw this.#made;
    return this.#made;
  }

  #partsOf(store: JobStore): Parts {
    const { runners, config, engine, feed, files, maxDepth } = this.#deps;
    const submitter = new Submitter({ store, runners, config });
    const streamed = new StreamedBatches({ submitter, files, config, maxDepth });
    const reader = new JobReader({ ...this.#deps, store, read: this.#read });
    return {
      store,
      submissions: new JobSubmissions({ submitter, streamed, reader }),
      reader,
      changes: new JobChanges({ store, engine, feed }),
    };
  }
}
