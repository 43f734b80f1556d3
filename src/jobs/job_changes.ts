import {
  type CancelAnswer,
  type Changed,
  type JobState,
  type JobStore,
  queueDraining,
} from "../store/mod.ts";
import { checkedChoice, checkReason } from "./choice.ts";
import type {
  CancelJobOptions,
  CancelManyOptions,
  JobChoice,
  ManyOutcome,
  RetryManyOptions,
} from "./job.ts";
import { stillRunning, unknownJob } from "./job_errors.ts";
import type { JobFeed } from "./job_feed.ts";
import type { RunningJobs } from "./job_reader.ts";

/** Dependencies of {@link JobChanges}. */
export interface JobChangesDeps {
  readonly store: Pick<JobStore, "cancel" | "retry" | "get">;
  readonly engine: Pick<RunningJobs, "stop">;
  readonly feed: Pick<JobFeed, "emit">;
}

/** Cancels and retries jobs, and tells those who follow them. */
export class JobChanges {
  readonly #deps: JobChangesDeps;

  constructor(deps: JobChangesDeps) {
    this.#deps = deps;
  }

  /** Cancels one job, as {@link Jobs.cancel} does. */
  async cancel(id: string, options: CancelJobOptions): Promise<void> {
    const reason = checkReason(options.reason);
    const { answers: [answer] } = await this.#deps.store.cancel({ ids: [id] }, { reason });
    if (answer === undefined || answer.answer === "unknown") throw unknownJob(id);
    this.#cancelled([answer]);
  }

  /** Retries one job, as {@link Jobs.retry} does. */
  async retry(id: string): Promise<void> {
    const { store } = this.#deps;
    const { answers: [answer] } = await store.retry({ ids: [id] });
    if (answer === undefined || answer.answer === "unknown") throw unknownJob(id);
    if (answer.answer === "running") throw stillRunning(id);
    if (answer.answer === "draining") {
      const row = await store.get(id);
      throw row === undefined ? unknownJob(id) : queueDraining(row.queue);
    }
    this.#tell(id, "available");
  }

  /** Cancels all jobs of a choice, as {@link Jobs.cancelMany} does. */
  async cancelMany(choice: JobChoice, options: CancelManyOptions): Promise<ManyOutcome> {
    const { store } = this.#deps;
    const reason = checkReason(options.reason);
    const filter = checkedChoice(choice, { isWhole: false });
    return await countAll((after) => store.cancel({ filter }, { reason, after }), {
      onAnswers: (answers) => this.#cancelled(answers),
      signal: options.signal,
    });
  }

  /** Retries all jobs of a choice, as {@link Jobs.retryMany} does. */
  async retryMany(choice: JobChoice, options: RetryManyOptions): Promise<ManyOutcome> {
    const { store } = this.#deps;
    const filter = checkedChoice(choice, { isWhole: false });
    return await countAll((after) => store.retry({ filter }, { after }), {
      onAnswers: (answers) => {
        for (const { id } of answers) this.#tell(id, "available");
      },
      signal: options.signal,
    });
  }

  #cancelled(answers: readonly CancelAnswer[]): void {
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

/** Calls `next` until all is done; returns the number of jobs that it has changed. */
async function countAll<T>(
  next: (after: string | undefined) => Promise<Changed<T>>,
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
