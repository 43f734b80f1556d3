import {
  type CallJob,
  type CancelJobOptions,
  type DenJobs,
  type FilePage,
  type Job,
  type JobChoice,
  type JobEvent,
  type JobEventsOptions,
  JobHandle,
  type JobInput,
  type JobListOptions,
  type JobLogsOptions,
  type JobPage,
  type LogLine,
  type ManyOutcome,
  type SubmittedJob,
  type WaitOptions,
} from "../../client/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { type BeginCall, FakeJob } from "./fake_job.ts";
import { checkedChoice, checkedJob, matches } from "./fake_job_input.ts";
import type { FakeQueues } from "./fake_queues.ts";

/** Parts that {@link FakeJobs} needs. */
export interface FakeJobsDeps {
  readonly queues: FakeQueues;
  /** The name of the pool that the tools are said to be in. */
  readonly pool: string;
  readonly begin: BeginCall;
  /** @throws {SnakedenError} `unknown_tool` or `unknown_pool`. */
  readonly assertTool: (name: string, pool: string | undefined) => void;
}

const NO_BATCH = "a fake host runs no batches";

interface Keyed {
  readonly job: FakeJob;
  readonly body: string;
}

/**
 * The jobs of a fake den. A job runs at once, unless its queue is paused: `delayMs` and `runAt`,
 * the pauses of its retries, and limits of keys have no effect.
 */
export class FakeJobs implements DenJobs {
  readonly #deps: FakeJobsDeps;
  readonly #jobs: FakeJob[] = [];
  readonly #keyed = new Map<string, Keyed>();

  /** Programs get theirs from {@link FakeDen.jobs}. */
  constructor(deps: FakeJobsDeps) {
    this.#deps = deps;
  }

  /** The jobs so far, in the order of their submission. */
  get all(): readonly FakeJob[] {
    return this.#jobs;
  }

  /** Submits a job, which begins to run. */
  // deno-lint-ignore require-await
  async submit(input: JobInput): Promise<JobHandle> {
    const { job, answer } = this.#submit(this.#checked(input));
    if (answer === "conflict") throw conflict(input.idempotencyKey, job.id);
    return new JobHandle({ job, answer }, this);
  }

  /** Submits jobs: those of an array all or none. */
  async submitMany(
    inputs: Iterable<JobInput> | AsyncIterable<JobInput>,
  ): Promise<SubmittedJob[]> {
    const checked: CallJob[] = [];
    const issues: { readonly path: string; readonly message: string }[] = [];
    let count = 0;
    for await (const input of inputs) {
      const place = `[${count++}]`;
      try {
        checked.push(this.#checked(input));
      } catch (error) {
        if (!(error instanceof SnakedenError)) throw error;
        const own = error instanceof InvalidInputError
          ? error.issues
          : [{ path: error.code === "unknown_pool" ? "pool" : "tool", message: error.summary }];
        issues.push(...own.map((it) => ({ ...it, path: `${place}.${it.path}` })));
      }
    }
    if (issues.length > 0) {
      const list = issues.map(({ path, message }) => `${path}: ${message}`);
      const wrong = count - checked.length;
      const verb = wrong === 1 ? "is" : "are";
      const text =
        `Cannot submit the batch: ${wrong} of ${count} jobs ${verb} wrong, and none was ` +
        `submitted: ${list.join("; ")}`;
      throw new InvalidInputError(text, issues);
    }
    return checked.map((it) => {
      const { job, answer } = this.#submit(it);
      return { id: job.id, answer };
    });
  }

  /** @throws {SnakedenError} `unknown_job`. */
  // deno-lint-ignore require-await
  async get(id: string): Promise<Job> {
    return this.#find(id).view();
  }

  /** Lists jobs, the last submitted first. */
  // deno-lint-ignore require-await
  async list(choice: JobChoice = {}, options: JobListOptions = {}): Promise<JobPage> {
    const { cursor = "0", limit = 100 } = options;
    const chosen = this.#choose(choice, { isWhole: true }).reverse();
    const end = Number(cursor) + limit;
    return {
      items: chosen.slice(Number(cursor), end).map((it) => listed(it.view())),
      ...(end < chosen.length ? { cursor: String(end) } : {}),
    };
  }

  /** Cancels a job: one that waits at once, one that runs by its signal. */
  // deno-lint-ignore require-await
  async cancel(id: string, { reason }: CancelJobOptions = {}): Promise<Job> {
    const job = this.#find(id);
    job.cancel(reason);
    return job.view();
  }

  /** Runs a job again at once. */
  // deno-lint-ignore require-await
  async retry(id: string): Promise<Job> {
    const job = this.#find(id);
    if (!job.isDone && !job.isWaiting) {
      throw new SnakedenError("job_running", `Cannot retry the job ${id}: it is running`, {
        details: { jobId: id },
      });
    }
    if (job.isDone) this.#deps.queues.assertTakes(job.queue);
    return this.#again(job);
  }

  /** Cancels all jobs of a choice that have not ended. */
  // deno-lint-ignore require-await
  async cancelMany(choice: JobChoice, { reason }: CancelJobOptions = {}): Promise<ManyOutcome> {
    const chosen = this.#choose(choice, { isWhole: false }).filter((it) => !it.isDone);
    for (const job of chosen) job.cancel(reason);
    return { count: chosen.length };
  }

  /** Runs all jobs of a choice again that do not run. */
  // deno-lint-ignore require-await
  async retryMany(choice: JobChoice): Promise<ManyOutcome> {
    const chosen = this.#choose(choice, { isWhole: false })
      .filter((it) => it.isWaiting || (it.isDone && !this.#deps.queues.isDraining(it.queue)));
    for (const job of chosen) this.#again(job);
    return { count: chosen.length };
  }

  /** @throws {SnakedenError} `job_unfinished`, or the error of the job. */
  // deno-lint-ignore require-await
  async result<T = unknown>(id: string): Promise<T> {
    return this.#find(id).result() as T;
  }

  /** Waits until a job has ended, and returns it; after `timeoutMs`, as it is then. */
  async wait(id: string, { timeoutMs, signal }: WaitOptions = {}): Promise<Job> {
    const job = this.#find(id);
    let isLate = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const lateness = timeoutMs === undefined ? undefined : new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        isLate = true;
        resolve();
      }, timeoutMs);
    });
    try {
      while (!job.isDone && !isLate) await changeOf(job, { signal, lateness });
    } finally {
      clearTimeout(timer);
    }
    return job.view();
  }

  /** Returns no files: tools of a fake make none. */
  // deno-lint-ignore require-await
  async artifacts(id: string): Promise<FilePage> {
    this.#find(id);
    return { items: [] };
  }

  /**
   * Yields no line, since the functions of the tools have no output of their own. Ends as the log
   * of a job does: at once with `follow: false`, else with the job.
   */
  async *logs(
    id: string,
    { follow = true, signal }: JobLogsOptions = {},
  ): AsyncGenerator<LogLine, void, undefined> {
    this.#find(id);
    if (follow) await this.wait(id, signal === undefined ? {} : { signal });
    yield* [];
  }

  /** Yields the events of a job, those that have been and those to come, until its end. */
  async *events(
    id: string,
    { after = 0, signal }: JobEventsOptions = {},
  ): AsyncGenerator<JobEvent, void, undefined> {
    const job = this.#find(id);
    signal?.throwIfAborted();
    let position = after;
    let { progress, state } = job;
    yield { type: "state", job: job.view() };
    while (true) {
      if (job.progress !== undefined && job.progress !== progress) {
        progress = job.progress;
        yield { type: "progress", progress: progress.value };
        continue;
      }
      const stored = job.eventAfter(position);
      if (stored !== undefined) {
        position = stored.id;
        yield stored;
        if (stored.type === "end") return;
        continue;
      }
      if (job.isDone) return;
      if (job.state !== state) {
        state = job.state;
        yield { type: "state", job: job.view() };
        continue;
      }
      await changeOf(job, { signal });
    }
  }

  /** Not for a fake host, which runs no batches. */
  // deno-lint-ignore require-yield
  async *results(id: string): AsyncGenerator<never> {
    await this.get(id);
    throw new SnakedenError("not_implemented", `Cannot read results of the job ${id}: ${NO_BATCH}`);
  }

  #checked(input: JobInput): CallJob {
    if (input.kind === "batch") {
      throw new SnakedenError("not_implemented", `Cannot submit the job: ${NO_BATCH}`);
    }
    const checked = checkedJob(input, this.#deps.queues.names);
    this.#deps.assertTool(checked.tool, checked.pool);
    return checked;
  }

  #submit(input: CallJob): { readonly job: Job; readonly answer: SubmittedJob["answer"] } {
    const { id = `fake-job-${this.#jobs.length + 1}`, idempotencyKey, unique } = input;
    const body = JSON.stringify(input, (_, it) => typeof it === "bigint" ? `${it}n` : it);
    // No key has a NUL.
    const key = input.id === undefined ? idempotencyKey : `id\0${id}`;
    const known = key === undefined ? undefined : this.#keyed.get(key);
    if (known !== undefined) {
      return { job: known.job.view(), answer: known.body === body ? "existing" : "conflict" };
    }
    const other = this.#jobs.find((it) => !it.isDone && it.input.unique?.key === unique?.key);
    if (unique !== undefined && other !== undefined) {
      const { mode = "drop" } = unique;
      if (mode === "drop") return { job: other.view(), answer: "dropped" };
      this.#deps.queues.assertTakes(input.queue ?? "default");
      if (other.isWaiting) {
        other.replace(input);
        return { job: other.view(), answer: "replaced" };
      }
    }
    const { pool, begin } = this.#deps;
    this.#deps.queues.assertTakes(input.queue ?? "default");
    const job = new FakeJob({ id, input, pool, begin });
    this.#jobs.push(job);
    if (key !== undefined) this.#keyed.set(key, { job, body });
    const view = job.view();
    this.#start(job);
    return { job: view, answer: "created" };
  }

  #again(job: FakeJob): Job {
    job.revive();
    const view = job.view();
    this.#start(job);
    return view;
  }

  /** Starts the jobs of a queue that wait. */
  startWaiting(queue: string): void {
    for (const job of this.#jobs) if (job.queue === queue && job.isWaiting) this.#start(job);
  }

  #start(job: FakeJob): void {
    if (!this.#deps.queues.isPaused(job.queue)) void job.run();
  }

  #choose(choice: JobChoice, { isWhole }: { readonly isWhole: boolean }): FakeJob[] {
    const checked = checkedChoice(choice, { isWhole });
    return this.#jobs.filter((it) => matches(it.view(), checked));
  }

  #find(id: string): FakeJob {
    const job = this.#jobs.find((it) => it.id === id);
    if (job !== undefined) return job;
    const text = `There is no job ${JSON.stringify(id)}: it was never submitted, or was removed ` +
      "some time after its end";
    throw new SnakedenError("unknown_job", text, { details: { jobId: id } });
  }
}

/** Waits for a change of a job. @throws The reason of the signal. */
async function changeOf(
  job: FakeJob,
  { signal, lateness }: {
    readonly signal?: AbortSignal | undefined;
    readonly lateness?: Promise<void> | undefined;
  },
): Promise<void> {
  signal?.throwIfAborted();
  let leave = (): void => {};
  let onAbort = (): void => {};
  const changed = new Promise<void>((resolve, reject) => {
    leave = job.on(resolve);
    onAbort = (): void => reject(signal?.reason);
  });
  signal?.addEventListener("abort", onAbort);
  try {
    await (lateness === undefined ? changed : Promise.race([changed, lateness]));
  } finally {
    leave();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Returns a job as lists have it. */
function listed({ result: _result, attempts: _attempts, waitingFor: _for, ...job }: Job): Job {
  return job;
}

function conflict(key: string | undefined, id: string): SnakedenError {
  const reason = key === undefined
    ? `the job ${id} was made by another submission; its id is free when it is no longer kept`
    : `the idempotency key ${JSON.stringify(key)} is that of another submission, ` +
      `which made the job ${id}`;
  return new SnakedenError("idempotency_conflict", `Cannot submit the job: ${reason}`, {
    details: { jobId: id },
  });
}
