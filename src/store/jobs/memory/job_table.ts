import { MAX_AHEAD, type StoreWait } from "../job_filter.ts";
import { isFinal } from "../job_row.ts";
import type { Holder } from "../job_store.ts";
import type { QueueRow } from "../queue_row.ts";
import { FairShares } from "./fair_shares.ts";
import { BlobNames, MemoryFiles } from "./files/mod.ts";
import { JobLists } from "./job_lists.ts";
import { QueueTable } from "./queue_table.ts";
import { ReadyJobs } from "./ready_jobs.ts";
import { SortedRows } from "./sorted_rows.ts";
import { canExpire, isWaiting, removableAt, type StoredJob } from "./stored_job.ts";

/** All jobs, in every order in which they are looked for. */
export class JobTable {
  readonly queues = new QueueTable();
  readonly lists = new JobLists();
  readonly blobNames = new BlobNames();
  readonly files = new MemoryFiles({
    blobs: this.blobNames,
    isJob: (id) => this.#jobs.has(id),
  });
  readonly ready = new ReadyJobs();
  readonly fair = new FairShares();
  /** The jobs that wait for their time, by it. */
  readonly due = sortedBy((it) => it.runAt);
  /** The jobs that expire if they do not begin, by that time. */
  readonly expiring = sortedBy((it) => it.startBy ?? 0);
  /** The running jobs, by the end of their leases. */
  readonly leases = sortedBy((it) => it.leaseUntil ?? 0);
  /** The ended jobs, by the time at which they may be removed. */
  readonly ended = sortedBy(removableAt);
  readonly #jobs = new Map<string, StoredJob>();
  readonly #holders = new Map<string, Set<StoredJob>>();
  /** The jobs that hold a unique key. */
  readonly #unique = new Map<string, StoredJob>();

  get(id: string): StoredJob | undefined {
    return this.#jobs.get(id);
  }

  /** Returns the job that holds a unique key. */
  holderOf(uniqueKey: string): StoredJob | undefined {
    return this.#unique.get(uniqueKey);
  }

  /** Returns the running jobs of each holder. */
  get holders(): ReadonlyMap<string, ReadonlySet<StoredJob>> {
    return this.#holders;
  }

  /** Returns the number of running jobs of each holder, in the order of their names. */
  listHolders(): Holder[] {
    return [...this.#holders].map(([holder, { size }]) => ({ holder, jobs: size }))
      .sort((a, b) => a.holder < b.holder ? -1 : 1);
  }

  /** Returns a queue that is declared, or has jobs. */
  queueRow(name: string): QueueRow | undefined {
    const row = this.queues.row(name, this.lists.has(name));
    const fairBy = this.fair.pathOf(name);
    return row && fairBy !== undefined ? { ...row, fairBy } : row;
  }

  /** Adds a job that was submitted. */
  add(job: StoredJob, now: number): void {
    this.#jobs.set(job.id, job);
    if (job.uniqueKey !== undefined) {
      this.#unique.set(job.uniqueKey, job);
      job.holdsUnique = true;
    }
    this.ready.open(job, { isSubmission: true });
    if (job.state === "available") this.fair.give(job);
    this.#enter(job, now);
  }

  /** Changes a job, and puts it where it belongs then. */
  change(job: StoredJob, now: number, change: () => void): void {
    const wasFinal = isFinal(job.state);
    const { state, pool, metadata } = job;
    this.#leave(job);
    change();
    if (job.rank > 0 && (isFinal(job.state) || job.pool !== pool)) {
      this.fair.take(job, { pool, metadata });
    }
    if (job.state === "available" && state !== "running") this.fair.give(job);
    if (!wasFinal && isFinal(job.state)) this.ready.close(job);
    else if (wasFinal && !isFinal(job.state)) this.ready.open(job, { isSubmission: false });
    const givesUp = job.uniqueMode !== "drop" && job.state === "running";
    if (job.holdsUnique && (givesUp || isFinal(job.state))) this.#giveUpUnique(job);
    this.#enter(job, now);
  }

  /** Gives a running job another lease. */
  extend(job: StoredJob, leaseUntil: number): void {
    this.leases.delete(job);
    job.leaseUntil = leaseUntil;
    this.leases.add(job);
  }

  /** Removes an ended job. */
  remove(job: StoredJob): void {
    this.#leave(job);
    this.#jobs.delete(job.id);
  }

  /** Returns the number of running jobs of a queue. */
  running(queue: string): number {
    return this.lists.count(queue, "running");
  }

  /** Returns the reason why a waiting job does not run. */
  waitOf(job: StoredJob, now: number): StoreWait {
    if (job.state !== "available" && job.runAt > now) return { reason: "time", until: job.runAt };
    const { queues, ready } = this;
    const obstacle = queues.obstacle(job.queue, this.running(job.queue), now);
    if (obstacle !== undefined) return obstacle;
    const group = job.groups.find((it) => it === job.parkedIn?.group || it.room(now) < 1);
    if (group !== undefined) {
      const { key } = group;
      if (group.kind === "concurrency") {
        return { reason: "limit", limit: "concurrency key", key };
      }
      return { reason: "limit", limit: "rate key", key, until: group.nextStartAt(now) };
    }
    return { reason: "position", ahead: ready.rowsOf(job).countBefore(job, MAX_AHEAD) };
  }

  #enter(job: StoredJob, now: number): void {
    this.lists.add(job);
    if (canExpire(job)) this.expiring.add(job);
    if (isFinal(job.state)) this.ended.add(job);
    else if (job.state === "available") this.ready.enter(job, now);
    else if (isWaiting(job.state)) this.due.add(job);
    else {
      this.leases.add(job);
      this.ready.started(job, now);
      this.queues.started(job.queue, now);
      this.fair.started(job);
      const { holder = "" } = job;
      this.#holders.set(holder, (this.#holders.get(holder) ?? new Set()).add(job));
    }
  }

  #leave(job: StoredJob): void {
    this.lists.delete(job);
    if (canExpire(job)) this.expiring.delete(job);
    if (isFinal(job.state)) this.ended.delete(job);
    else if (job.state === "available") this.ready.leave(job);
    else if (isWaiting(job.state)) this.due.delete(job);
    else {
      this.leases.delete(job);
      this.ready.stopped(job);
      const { holder = "" } = job;
      const jobs = this.#holders.get(holder);
      jobs?.delete(job);
      if (jobs?.size === 0) this.#holders.delete(holder);
    }
  }

  #giveUpUnique(job: StoredJob): void {
    job.holdsUnique = false;
    if (job.uniqueKey !== undefined) this.#unique.delete(job.uniqueKey);
  }
}

function sortedBy(keyOf: (job: StoredJob) => number): SortedRows<StoredJob> {
  return new SortedRows((a, b) => keyOf(a) - keyOf(b) || a.seq - b.seq);
}
