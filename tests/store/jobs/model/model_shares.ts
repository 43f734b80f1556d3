import type { JobModel } from "./job_model.ts";
import type { ModelJob } from "./model_job.ts";

/** The turns of tenants in the queues of a model that they share. No key is ever forgotten. */
export class ModelShares {
  readonly #model: JobModel;
  readonly #started = new Map<string, number>();
  readonly #last = new Map<string, number>();

  constructor(model: JobModel) {
    this.#model = model;
  }

  /** Gives a job the next turn of its tenant, unless it has one. */
  give(job: ModelJob): void {
    if (!this.#model.queues.get(job.queue)?.isFair || job.rank > 0) return;
    const lane = laneOf(job);
    const key = keyOf(job);
    job.rank = Math.max(this.#started.get(lane) ?? 0, this.#last.get(key) ?? 0) + 1;
    this.#last.set(key, job.rank);
  }

  started(job: ModelJob): void {
    const lane = laneOf(job);
    this.#started.set(lane, Math.max(this.#started.get(lane) ?? 0, job.rank));
  }

  /** Takes the turn of a job that was not started, for the next one of its tenant. */
  take(job: ModelJob): void {
    const started = this.#started.get(laneOf(job)) ?? 0;
    const last = this.#last.get(keyOf(job)) ?? 0;
    if (job.rank > started && last > started) this.#last.set(keyOf(job), last - 1);
    job.rank = 0;
  }
}

function laneOf({ queue, pool, priority }: ModelJob): string {
  return `${queue} ${pool} ${priority}`;
}

function keyOf(job: ModelJob): string {
  return `${laneOf(job)} ${job.metadata["tenant"] ?? ""}`;
}
