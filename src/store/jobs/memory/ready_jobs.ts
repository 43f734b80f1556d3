import { byPlace, KeyGroup } from "./key_group.ts";
import { SortedRows } from "./sorted_rows.ts";
import type { StoredJob } from "./stored_job.ts";

type Group = KeyGroup<StoredJob>;

/** The parked jobs that one call looks at. More can only be there if jobs have two keys. */
const MAX_RELEASED = 10_000;

/**
 * The available jobs, by pool and queue. Those that a key holds back are parked in its
 * {@link KeyGroup}, so that a claim never steps over them.
 */
export class ReadyJobs {
  /** By pool, then by queue. */
  readonly #rows = new Map<string, Map<string, SortedRows<StoredJob>>>();
  readonly #groups = new Map<string, Group>();
  /** Groups that may have room for a parked job. */
  readonly #changed = new Set<Group>();
  readonly #wakes = new SortedRows<Group>((a, b) => a.wakeAt - b.wakeAt || a.number - b.number);
  /** Groups without a job, which a rate still has to remember. */
  readonly #idle = new Set<Group>();
  #lastGroup = 0;

  /** Puts a job that has begun its way to its end into the groups of its keys. */
  open(job: StoredJob, options: { readonly isSubmission: boolean }): void {
    job.groups = [
      ...(job.concurrency ? [this.#group("concurrency", job, job.concurrency, options)] : []),
      ...(job.rate ? [this.#group("rate", job, job.rate, options)] : []),
    ];
    for (const group of job.groups) {
      group.open++;
      this.#idle.delete(group);
    }
  }

  /** Takes a job that has ended out of the groups of its keys. */
  close(job: StoredJob): void {
    for (const group of job.groups) {
      group.open--;
      if (group.open === 0) this.#idle.add(group);
    }
    job.groups = [];
  }

  /** Adds a job that has become available. */
  enter(job: StoredJob, now: number): void {
    const full = job.groups.find((it) => it.room(now) <= it.released);
    if (full !== undefined) return this.#park(job, full);
    for (const group of job.groups) group.released++;
    this.rowsOf(job).add(job);
  }

  /** Removes a job that is not available any more. */
  leave(job: StoredJob): void {
    const { parkedIn } = job;
    if (parkedIn !== undefined) {
      parkedIn.parked.delete(job);
      job.parkedIn = undefined;
      return;
    }
    this.rowsOf(job).delete(job);
    for (const group of job.groups) {
      group.released--;
      this.#changed.add(group);
    }
  }

  /** Counts a job as running. */
  started(job: StoredJob, now: number): void {
    for (const group of job.groups) group.started(now);
  }

  /** Counts a job as running no more. */
  stopped(job: StoredJob): void {
    for (const group of job.groups) {
      group.running--;
      this.#changed.add(group);
    }
  }

  /** Releases the parked jobs for which there is room at `now`. */
  release(now: number): void {
    for (let first = this.#wakes.first; first && first.wakeAt <= now; first = this.#wakes.first) {
      this.#wakes.delete(first);
      first.wakeAt = Infinity;
      this.#changed.add(first);
    }
    let looked = 0;
    for (const group of this.#changed) {
      let job = group.parked.first;
      while (job !== undefined && group.room(now) > group.released) {
        if (++looked > MAX_RELEASED) return;
        this.leave(job);
        this.enter(job, now);
        job = group.parked.first;
      }
      this.#changed.delete(group);
      this.#wake(group, now);
    }
  }

  /** The time at which {@link ReadyJobs.release} has something to do; Infinity if none is known. */
  get nextReleaseAt(): number {
    return this.#changed.size > 0 ? 0 : this.#wakes.first?.wakeAt ?? Infinity;
  }

  /** Returns the job of a pool that goes first, of the queues for which `isOpen` returns true. */
  first(
    pool: string,
    { now, isOpen }: { readonly now: number; readonly isOpen: (queue: string) => boolean },
  ): StoredJob | undefined {
    const queues = this.#rows.get(pool);
    while (queues !== undefined) {
      let best: StoredJob | undefined;
      for (const [queue, rows] of queues) {
        const { first } = rows;
        if (first === undefined || best && byPlace(best, first) < 0) continue;
        if (isOpen(queue)) best = first;
      }
      // A limit may have become lower since the job was released.
      const full = best?.groups.find((it) => it.room(now) < 1);
      if (best === undefined || full === undefined) return best;
      this.leave(best);
      this.#park(best, full);
    }
    return undefined;
  }

  /** Returns the released jobs of the queue and the pool of a job. */
  rowsOf({ pool, queue }: Pick<StoredJob, "pool" | "queue">): SortedRows<StoredJob> {
    const queues = this.#rows.get(pool) ?? new Map<string, SortedRows<StoredJob>>();
    const rows = queues.get(queue) ?? new SortedRows<StoredJob>(byPlace);
    this.#rows.set(pool, queues.set(queue, rows));
    return rows;
  }

  /** Forgets up to `limit` keys without jobs. */
  forget(now: number, limit: number): void {
    let looked = 0;
    for (const group of this.#idle) {
      if (++looked > limit) return;
      // Moves it behind those that were not looked at.
      this.#idle.delete(group);
      if (!group.isForgettable(now)) this.#idle.add(group);
      else this.#groups.delete(nameOf(group.kind, group));
    }
  }

  #park(job: StoredJob, group: Group): void {
    job.parkedIn = group;
    group.parked.add(job);
    this.#changed.add(group);
  }

  #wake(group: Group, now: number): void {
    if (group.wakeAt !== Infinity) this.#wakes.delete(group);
    group.wakeAt = group.nextReleaseAt(now);
    if (group.wakeAt !== Infinity) this.#wakes.add(group);
  }

  #group(
    kind: Group["kind"],
    { queue }: StoredJob,
    { key, limit, periodMs = 1 }: {
      readonly key: string;
      readonly limit: number;
      readonly periodMs?: number;
    },
    { isSubmission }: { readonly isSubmission: boolean },
  ): Group {
    const name = nameOf(kind, { queue, key });
    const known = this.#groups.get(name);
    const group = known ?? new KeyGroup<StoredJob>({ kind, queue, key, number: ++this.#lastGroup });
    if (known === undefined) this.#groups.set(name, group);
    if (known === undefined || isSubmission) {
      group.limit = limit;
      group.periodMs = periodMs;
      this.#changed.add(group);
    }
    return group;
  }
}

function nameOf(kind: string, { queue, key }: Pick<Group, "queue" | "key">): string {
  return `${kind}\0${queue}\0${key}`;
}
