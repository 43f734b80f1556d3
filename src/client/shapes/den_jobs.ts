import type { FilePage } from "./file.ts";
import type {
  BatchResult,
  BatchResultsOptions,
  CancelJobOptions,
  CancelManyOptions,
  Job,
  JobChoice,
  JobEvent,
  JobEventsOptions,
  JobListOptions,
  JobLogsOptions,
  JobPage,
  LogLine,
  ManyOutcome,
  Queue,
  QueueUpdate,
  RetryManyOptions,
  SubmitAnswer,
  SubmitJobOptions,
  SubmittedJob,
} from "./job.ts";
import type { JobInput } from "./job_input.ts";
import type { WaitOptions } from "./pool.ts";

/** Durable jobs. */
export interface DenJobs {
  /** Submits a job. It is durable when this resolves. */
  submit(input: JobInput, options?: SubmitJobOptions): Promise<DenJobHandle>;
  /** Submits jobs: up to 1,000 in an array all or none, others in parts of 1,000. */
  submitMany(inputs: Iterable<JobInput> | AsyncIterable<JobInput>): Promise<SubmittedJob[]>;
  /** Returns a job as it is now. */
  get(id: string): Promise<Job>;
  /** Lists jobs, the last submitted first. */
  list(choice?: JobChoice, options?: JobListOptions): Promise<JobPage>;
  /** Lists the files that a job has made, the last one first. */
  artifacts(id: string, options?: JobListOptions): Promise<FilePage>;
  /** Cancels a job. */
  cancel(id: string, options?: CancelJobOptions): Promise<Job>;
  /** Makes a job run again at once. */
  retry(id: string): Promise<Job>;
  /** Cancels all jobs of a choice. */
  cancelMany(choice: JobChoice, options?: CancelManyOptions): Promise<ManyOutcome>;
  /** Retries all jobs of a choice. */
  retryMany(choice: JobChoice, options?: RetryManyOptions): Promise<ManyOutcome>;
  /** Returns the result of a job that has ended, decoded. */
  result<T = unknown>(id: string): Promise<T>;
  /** Yields what came of the items of a batch, until its end. */
  results<T = unknown>(id: string, options?: BatchResultsOptions): AsyncIterable<BatchResult<T>>;
  /** Waits until a job has ended, and returns it; after `timeoutMs`, as it is then. */
  wait(id: string, options?: WaitOptions): Promise<Job>;
  /** Yields the events of a job until its end. */
  events(id: string, options?: JobEventsOptions): AsyncIterable<JobEvent>;
  /** Yields the lines of the log of a job, until its end unless `follow` is false. */
  logs(id: string, options?: JobLogsOptions): AsyncIterable<LogLine>;
}

/** A job that was submitted. */
export interface DenJobHandle extends AsyncIterable<JobEvent> {
  readonly id: string;
  /** The answer to the submission. */
  readonly answer: SubmitAnswer;
  /** The job as it was when this handle last heard of it. */
  readonly job: Job;
  /** Returns the job as it is now. */
  refresh(): Promise<Job>;
  /** Waits for the end of the job, and returns it. */
  done(options?: WaitOptions): Promise<Job>;
  /** Waits for the end of the job, and returns its result, decoded. */
  result<T = unknown>(options?: WaitOptions): Promise<T>;
  /** Yields what came of the items of a batch, until its end. */
  results<T = unknown>(options?: BatchResultsOptions): AsyncIterable<BatchResult<T>>;
  /** Cancels the job. */
  cancel(options?: CancelJobOptions): Promise<Job>;
  /** Retries the job. */
  retry(): Promise<Job>;
  /** Yields the events of the job until its end. */
  events(options?: JobEventsOptions): AsyncIterable<JobEvent>;
  /** Yields the lines of the log of the job. */
  logs(options?: JobLogsOptions): AsyncIterable<LogLine>;
}

/** The queues of jobs. */
export interface DenQueues {
  /** Lists the queues, by name. */
  list(): Promise<Queue[]>;
  /** Describes one queue. */
  get(name: string): Promise<Queue>;
  /** Starts none of its jobs from now on; those that run go on. */
  pause(name: string): Promise<Queue>;
  /** Starts its jobs again. */
  resume(name: string): Promise<Queue>;
  /** Takes no further job from now on, and runs those that it has. */
  drain(name: string): Promise<Queue>;
  /** Changes a queue. */
  update(name: string, update: QueueUpdate): Promise<Queue>;
}
