import { type Clock, SYSTEM_CLOCK, TurnBudget } from "../async/mod.ts";
import { readFrame } from "../bridge/mod.ts";
import { showCaller } from "../caller_stack.ts";
import type { JobsConfig } from "../config/mod.ts";
import { SnakedenError } from "../errors.ts";
import {
  type Blobs,
  type JobState,
  type JobStore,
  type LogPartOrReset,
  type OutputsAsResult,
  queueDraining,
  type SubmitAnswer,
} from "../store/mod.ts";
import type { FilePage, Files } from "../files/mod.ts";
import { checkedChoice, checkedPage, checkReason, namedCursor } from "./choice.ts";
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
  SubmitOutcome,
  WaitOptions,
} from "./job.ts";
import { idConflict, idempotencyConflict, stillRunning, unknownJob } from "./job_errors.ts";
import { jobEvents } from "./job_events.ts";
import { jobLogParts, type JobLogsOptions, linesOf, type LogLine } from "./job_logs.ts";
import type { JobFeed } from "./job_feed.ts";
import { JobHandle } from "./job_handle.ts";
import { batchResults, type JobOutput, jobOutputs } from "./job_outputs.ts";
import { JobReader, type ReadValue, type RunningJobs } from "./job_reader.ts";
import { waitForEnd } from "./job_wait.ts";
import type { Runners } from "./runners/mod.ts";
import type { StoredBlob } from "./stored_blob.ts";
import { type Submitted, Submitter } from "./submission/mod.ts";
import type { PoolStates } from "./waiting_for.ts";

/** The bytes of logs that are read in one turn of the event loop: about a thousand lines. */
const LOG_BYTES_A_TURN = 128 * 1024;

/** Dependencies of {@link Jobs}. */
export interface JobsDeps {
  /** The store of jobs, or the reason why there is none. */
  readonly store: JobStore | SnakedenError;
  /** The blobs that the store names. */
  readonly blobs: Blobs;
  /** The files that jobs have made. */
  readonly files: Pick<Files, "list">;
  readonly engine: RunningJobs;
  readonly feed: JobFeed;
  readonly runners: Runners;
  readonly config: JobsConfig;
  readonly pools: PoolStates;
  readonly clock?: Clock;
  /** Reads a stored result or chunk for those who get jobs and events. By default it is decoded. */
  readonly read?: ReadValue;
}

/** The parts that exist if there is a store. */
interface Parts {
  readonly store: JobStore;
  readonly submitter: Submitter;
  readonly reader: JobReader;
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
  readonly #deps: JobsDeps;
  readonly #clock: Clock;
  readonly #made: Parts | SnakedenError;
  readonly #read: ReadValue;
  /** The bytes of logs that all readers get in one turn of the event loop. */
  readonly #logTurns = new TurnBudget(LOG_BYTES_A_TURN);

  /** Programs get theirs from {@link Snakeden.jobs}. */
  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? SYSTEM_CLOCK;
    const { store, runners, config, read = decodedFrame } = deps;
    this.#read = read;
    this.#made = store instanceof SnakedenError ? store : {
      store,
      submitter: new Submitter({ store, runners, config }),
      reader: new JobReader({ ...deps, store, read }),
    };
  }

  /** Returns the same jobs, with results and chunks that stay encoded, as a {@link Value}. */
  encoded(): Jobs {
    return new Jobs({ ...this.#deps, read: readFrame });
  }

  /**
   * Submits a job. It is durable when this resolves.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, `unknown_tool`,
   * `unknown_pool`, `idempotency_conflict`, `queue_draining`, or `store_failed`.
   */
  async submit(input: JobInput): Promise<JobHandle> {
    try {
      return new JobHandle(await this.submission(input), this);
    } catch (error) {
      showCaller(error, { below: this.submit });
      throw error;
    }
  }

  /** Does the same as {@link Jobs.submit}; returns the job as it is then. */
  async submission(input: unknown): Promise<SubmitOutcome> {
    const submitted = await this.#parts.submitter.one(input);
    const { job, answer } = submitted;
    if (answer.answer === "conflict") {
      const key = job.idempotency?.key;
      throw key === undefined ? idConflict(answer.id) : idempotencyConflict(key, answer.id);
    }
    // Of the outcomes, only a conflict is none of a single submission.
    return await this.#outcome(submitted) as SubmitOutcome;
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
    const { submitter } = this.#parts;
    let submitted = 0;
    try {
      for await (const answers of submitter.inParts(inputs)) {
        submitted += answers.length;
        const outcomes = answers.map((it) => this.#outcome(it));
        // Most are there at once, without a promise for each.
        yield outcomes.every(isThere) ? outcomes : await Promise.all(outcomes);
      }
    } catch (error) {
      if (error instanceof SnakedenError) error.addDetails({ submitted });
      throw error;
    }
  }

  /**
   * Submits up to 1,000 jobs, all or none. Returns the answer for each, in order; one with the
   * idempotency key of another submission is answered with `conflict`.
   *
   * @param first The number of the first one, for error texts.
   * @throws {SnakedenError} As {@link Jobs.submitMany}.
   */
  async submitAll(inputs: readonly unknown[], first = 0): Promise<readonly SubmitAnswer[]> {
    const submitted = await this.#parts.submitter.all(inputs, first);
    return submitted.map(({ answer }) => answer);
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
    const { store, reader } = this.#parts;
    const page = checkedPage(options);
    const filter = checkedChoice(choice);
    const { items, next } = await store.list(filter, page).catch(namedCursor);
    return {
      items: items.map((row) => reader.listed(row)),
      ...(next === undefined ? {} : { cursor: next }),
    };
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
    const { store } = this.#parts;
    const reason = checkReason(options.reason);
    const { answers: [answer] } = await store.cancel({ ids: [id] }, { reason });
    if (answer === undefined || answer.answer === "unknown") throw unknownJob(id);
    this.#cancelled([answer]);
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
    const { answers: [answer] } = await this.#parts.store.retry({ ids: [id] });
    if (answer === undefined || answer.answer === "unknown") throw unknownJob(id);
    if (answer.answer === "running") throw stillRunning(id);
    if (answer.answer === "draining") throw queueDraining((await this.get(id)).queue);
    this.#tell(id, "available");
    return await this.get(id);
  }

  /**
   * Cancels all jobs of a choice, which must not be empty, like {@link Jobs.cancel}. Works in
   * parts, between which other work of the store goes on; each part is durable by itself.
   *
   * @throws {SnakedenError} `invalid_input`. If the signal aborts, its reason is thrown.
   */
  async cancelMany(choice: JobChoice, options: CancelManyOptions = {}): Promise<ManyOutcome> {
    const { store } = this.#parts;
    const reason = checkReason(options.reason);
    const filter = checkedChoice(choice, { isWhole: false });
    return await countAll((after) => store.cancel({ filter }, { reason, after }), {
      onAnswers: (answers) => this.#cancelled(answers),
      signal: options.signal,
    });
  }

  /**
   * Retries all jobs of a choice, which must not be empty, like {@link Jobs.retry}, in parts as
   * {@link Jobs.cancelMany}. Leaves out jobs that run, and those that have ended in a queue that
   * drains.
   *
   * @throws {SnakedenError} `invalid_input`. If the signal aborts, its reason is thrown.
   */
  async retryMany(choice: JobChoice, options: RetryManyOptions = {}): Promise<ManyOutcome> {
    const { store } = this.#parts;
    const filter = checkedChoice(choice, { isWhole: false });
    return await countAll((after) => store.retry({ filter }, { after }), {
      onAnswers: (answers) => {
        for (const { id } of answers) this.#tell(id, "available");
      },
      signal: options.signal,
    });
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
    { after = 0, follow = true, signal = new AbortController().signal }: {
      readonly after?: number;
      readonly follow?: boolean;
      readonly signal?: AbortSignal;
    } = {},
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
   * Yields the lines of the log of a job: what its runs have printed and logged, and what Snakeden
   * says about it. Waits for further ones until the job has ended, unless `follow` is false. If the
   * log has no line `after`, its first line follows.
   *
   * @throws {SnakedenError} `unknown_job`; `invalid_input` for a position that is none. If the
   * signal aborts, its reason is thrown.
   */
  async *logs(id: string, options: JobLogsOptions = {}): AsyncGenerator<LogLine, void, undefined> {
    for await (const item of this.logParts(id, options)) {
      if (item.kind === "lines") yield* linesOf(item.part);
    }
  }

  /** Does the same as {@link Jobs.logs}; yields many lines at a time, as they are stored. */
  async *logParts(
    id: string,
    options: JobLogsOptions = {},
  ): AsyncGenerator<LogPartOrReset, void, undefined> {
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

  /** Returns the outcome of a submission; a created job needs no look into the store. */
  #outcome({ job, answer }: Submitted): ManySubmitOutcome | Promise<ManySubmitOutcome> {
    const { answer: state, id } = answer;
    const { reader } = this.#parts;
    if (state === "created") return { id, answer: state, job: reader.created(job, answer) };
    if (state === "conflict") {
      return reader.find(id).then((it) => ({
        id,
        answer: state,
        ...(it === undefined ? {} : { job: it }),
      }));
    }
    // A key is remembered for longer than some jobs are kept.
    return reader.find(id).then((it) => ({
      id,
      answer: state,
      job: it ?? reader.created(job, answer),
    }));
  }

  #cancelled(answers: readonly { readonly id: string; readonly answer: string }[]): void {
    const here = answers.filter(({ answer }) => answer === "cancelling").map(({ id }) => id);
    if (here.length > 0) this.#deps.engine.stop(here);
    for (const { id, answer } of answers) {
      if (answer === "cancelled") this.#tell(id, "cancelled");
    }
  }

  #tell(id: string, state: JobState): void {
    this.#deps.feed.emit(id, { type: "state", state });
  }
}

function isThere(
  outcome: ManySubmitOutcome | Promise<ManySubmitOutcome>,
): outcome is ManySubmitOutcome {
  return !(outcome instanceof Promise);
}

function decodedFrame(frame: Uint8Array<ArrayBuffer>): unknown {
  return readFrame(frame).decode();
}

/** Calls `next` until all is done; returns the number of jobs that it has changed. */
async function countAll<T>(
  next: (after: string | undefined) => Promise<{
    readonly answers: readonly T[];
    readonly next?: string;
  }>,
  { onAnswers, signal }: {
    readonly onAnswers: (answers: readonly T[]) => void;
    readonly signal: AbortSignal | undefined;
  },
): Promise<ManyOutcome> {
  let count = 0;
  let after: string | undefined;
  do {
    signal?.throwIfAborted();
    const changed = await next(after);
    count += changed.answers.length;
    onAnswers(changed.answers);
    after = changed.next;
  } while (after !== undefined);
  return { count };
}
