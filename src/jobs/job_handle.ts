import { SnakedenError } from "../errors.ts";
import type {
  BatchResult,
  BatchResultsOptions,
  CancelJobOptions,
  Job,
  JobEvent,
  JobEventsOptions,
  SubmitOutcome,
  WaitOptions,
} from "./job.ts";
import type { JobLogsOptions, LogLine } from "./follow/mod.ts";

/** The jobs to which a handle belongs. */
export interface HandledJobs {
  get(id: string): Promise<Job>;
  wait(id: string, options?: WaitOptions): Promise<Job>;
  result(id: string): Promise<unknown>;
  cancel(id: string, options?: CancelJobOptions): Promise<Job>;
  retry(id: string): Promise<Job>;
  events(id: string, options?: JobEventsOptions): AsyncIterable<JobEvent>;
  logs(id: string, options?: JobLogsOptions): AsyncIterable<LogLine>;
  results<T>(id: string, options?: BatchResultsOptions): AsyncIterable<BatchResult<T>>;
}

/**
 * A job that was submitted. It can be waited for, by {@link JobHandle.result} or
 * {@link JobHandle.done}, and iterated: it yields the events of the job, until its end.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * const job = await den.jobs.submit({ tool: "counter", args: { n: 3 } });
 * for await (const event of job) console.log(event.type);
 * console.log(await job.result());
 * ```
 */
export class JobHandle implements AsyncIterable<JobEvent> {
  /** The id of the job. */
  readonly id: string;
  /** The answer to the submission: `existing` if its idempotency key was known, for example. */
  readonly answer: SubmitOutcome["answer"];
  #job: Job;
  readonly #jobs: HandledJobs;

  /** Made by {@link Jobs.submit}. */
  constructor({ answer, job }: SubmitOutcome, jobs: HandledJobs) {
    this.id = job.id;
    this.answer = answer;
    this.#job = job;
    this.#jobs = jobs;
  }

  /** The job as it was when this handle last heard of it. */
  get job(): Job {
    return this.#job;
  }

  /** Returns the job as it is now. */
  async refresh(): Promise<Job> {
    return this.#job = await this.#jobs.get(this.id);
  }

  /** Waits for the end of the job; returns it as {@link Jobs.wait} does. */
  async done(options: WaitOptions = {}): Promise<Job> {
    return this.#job = await this.#jobs.wait(this.id, options);
  }

  /**
   * Waits for the end of the job, and returns its result, decoded.
   *
   * @throws {SnakedenError} The error of the job if it has failed, `cancelled` if it was cancelled,
   * `job_expired` if it was not started in time, `deadline_exceeded` if it has not ended within
   * `timeoutMs`; it goes on then.
   */
  async result<T = unknown>(options: WaitOptions = {}): Promise<T> {
    const { done, state } = await this.done(options);
    if (!done) throw new SnakedenError("deadline_exceeded", stillText(this.id, state, options));
    return await this.#jobs.result(this.id) as T;
  }

  /** Yields what came of the items of a batch, like {@link Jobs.results}. */
  results<T = unknown>(options: BatchResultsOptions = {}): AsyncIterable<BatchResult<T>> {
    return this.#jobs.results<T>(this.id, options);
  }

  /** Cancels the job, like {@link Jobs.cancel}. */
  async cancel(options: CancelJobOptions = {}): Promise<Job> {
    return this.#job = await this.#jobs.cancel(this.id, options);
  }

  /** Retries the job, like {@link Jobs.retry}. */
  async retry(): Promise<Job> {
    return this.#job = await this.#jobs.retry(this.id);
  }

  /** Yields the events of the job, like {@link Jobs.events}. */
  events(options: JobEventsOptions = {}): AsyncIterable<JobEvent> {
    return this.#jobs.events(this.id, options);
  }

  /** Yields the lines of the log of the job, like {@link Jobs.logs}. */
  logs(options: JobLogsOptions = {}): AsyncIterable<LogLine> {
    return this.#jobs.logs(this.id, options);
  }

  /** Yields the events of the job, from its first one. */
  [Symbol.asyncIterator](): AsyncIterator<JobEvent> {
    return this.events()[Symbol.asyncIterator]();
  }
}

function stillText(id: string, state: string, { timeoutMs }: WaitOptions): string {
  return `The job ${id} has not ended within ${timeoutMs} ms: it is ${state}, and goes on`;
}
