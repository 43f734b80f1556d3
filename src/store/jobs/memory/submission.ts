import { InvalidInputError } from "../../../errors.ts";
import { firstStart } from "../job_transition.ts";
import type { NewJob, SubmitAnswer } from "../new_job.ts";
import { queueDraining } from "../queue_row.ts";
import type { JobTable } from "./job_table.ts";
import { SortedRows } from "./sorted_rows.ts";
import { isWaiting, replaceable, type StoredJob, storedJob } from "./stored_job.ts";

/** An idempotency key. */
interface KeyRow {
  readonly key: string;
  readonly hash: string;
  readonly freeAt: number;
  readonly number: number;
  readonly job: StoredJob;
}

/** Submits jobs to a table, and remembers their idempotency keys. */
export class Submissions {
  readonly #table: JobTable;
  readonly #keys = new Map<string, KeyRow>();
  readonly #byTime = new SortedRows<KeyRow>((a, b) => a.freeAt - b.freeAt || a.number - b.number);
  #lastKey = 0;
  #lastSeq = 0;

  constructor(table: JobTable) {
    this.#table = table;
  }

  /** Submits jobs that {@link checkNewJobs} has passed, all or none. */
  submit(jobs: readonly NewJob[], now: number): SubmitAnswer[] {
    this.#table.files.check(jobs, now, (job) => this.#same(job, now) !== undefined);
    this.#checkIds(jobs, now);
    for (const job of jobs) this.#checkDraining(job, now);
    return jobs.map((job) => this.#submit(job, now));
  }

  /** Forgets up to `limit` keys that are free again. Returns true if there are more. */
  forget(now: number, limit: number): boolean {
    const free = this.#byTime.from(() => true, limit + 1).filter((it) => it.freeAt <= now);
    for (const row of free.slice(0, limit)) this.#drop(row);
    return free.length > limit;
  }

  #submit(job: NewJob, now: number): SubmitAnswer {
    const same = this.#same(job, now);
    if (same !== undefined) return same;
    const holder = job.unique && this.#table.holderOf(job.unique.key);
    const standing = holder ?? storedJob(job, { seq: ++this.#lastSeq, now });
    this.#noteKey(job, standing, now);
    if (holder === undefined) {
      this.#table.add(standing, now);
      this.#table.files.refer(standing.id, job);
      return answerOf("created", standing);
    }
    if (job.unique?.mode === "drop" || !isWaiting(holder.state)) return answerOf("dropped", holder);
    this.#replace(holder, job, now);
    this.#table.files.refer(holder.id, job);
    return answerOf("replaced", holder);
  }

  /** Returns the answer for the id, or the key, of an earlier submission. */
  #same(job: NewJob, now: number): SubmitAnswer | undefined {
    const own = job.idHash === undefined ? undefined : this.#table.get(job.id);
    if (own !== undefined) {
      return answerOf(own.idHash === job.idHash ? "existing" : "conflict", own);
    }
    const known = this.#key(job, now);
    if (known === undefined) return undefined;
    return answerOf(known.hash === job.idempotency?.hash ? "existing" : "conflict", known.job);
  }

  /** @throws {SnakedenError} `queue_draining` for a job that would be made, or change another. */
  #checkDraining(job: NewJob, now: number): void {
    if (!this.#table.queues.isDraining(job.queue)) return;
    if (this.#same(job, now) !== undefined) return;
    const holder = job.unique && this.#table.holderOf(job.unique.key);
    const isDropped = holder && (job.unique?.mode === "drop" || !isWaiting(holder.state));
    if (!isDropped) throw queueDraining(job.queue);
  }

  #replace(old: StoredJob, job: NewJob, now: number): void {
    this.#table.change(old, now, () => {
      Object.assign(old, replaceable(job));
      old.outputs?.drop(this.#table.blobNames);
      old.maxAttempts = Math.max(old.maxAttempts, old.attempt + 1);
      old.uniqueMode = job.unique?.mode;
      if (old.uniqueMode === "debounce") Object.assign(old, firstStart(job, now));
    });
  }

  #key({ idempotency }: NewJob, now: number): KeyRow | undefined {
    const row = idempotency && this.#keys.get(idempotency.key);
    return row && row.freeAt > now ? row : undefined;
  }

  #noteKey({ idempotency }: NewJob, job: StoredJob, now: number): void {
    if (idempotency === undefined) return;
    const { key, hash, ttlMs } = idempotency;
    const old = this.#keys.get(key);
    if (old !== undefined) this.#drop(old);
    const row = { key, hash, freeAt: now + ttlMs, number: ++this.#lastKey, job };
    this.#keys.set(key, row);
    this.#byTime.add(row);
  }

  #drop(row: KeyRow): void {
    this.#keys.delete(row.key);
    this.#byTime.delete(row);
  }

  #checkIds(jobs: readonly NewJob[], now: number): void {
    const issues = jobs.flatMap((job, i) => {
      const isAnswered = job.idHash !== undefined || this.#key(job, now) !== undefined;
      if (this.#table.get(job.id) === undefined || isAnswered) return [];
      const message = `given ${JSON.stringify(job.id)}, which a job has; allowed: a new id`;
      return [{ path: `jobs[${i}].id`, message }];
    });
    const [first] = issues;
    if (first === undefined) return;
    throw new InvalidInputError(`Cannot submit jobs: ${first.path}: ${first.message}`, issues);
  }
}

function answerOf(answer: SubmitAnswer["answer"], job: StoredJob): SubmitAnswer {
  const { id, state, createdAt, runAt } = job;
  return { answer, id, state, createdAt, runAt };
}
