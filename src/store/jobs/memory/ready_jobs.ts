import { byPlace, KeyGroup, type KeyLane } from "./key_group.ts";
import { SortedRows } from "./sorted_rows.ts";
import type { StoredJob } from "./stored_job.ts";

type Group = KeyGroup<StoredJob>;
type Lane = KeyLane<StoredJob>;

/** The parked jobs that one call looks at. More can only be there if jobs have two keys. */
const MAX_RELEASED = 10_000;

/**
 * The available jobs, by pool and queue. Those that a key holds back are parked in its
 * {@link KeyLane}, so that a claim never steps over them.
 */
export class ReadyJobs {
  /** By pool, then by queue. */
  readonly #rows = new Map<string, Map<string, SortedRows<StoredJob>>>();
  readonly #groups = new Map<string, Group>();
  /** Lanes that may have room for a parked job. */
  readonly #changed = new Set<Lane>();
  readonly #wakes = new SortedRows<Lane>((a, b) => a.wakeAt - b.wakeAt || a.number - b.number);
  /** Groups of rates without a job, whose starts may still have to be remembered. */
  readonly #idle = new Set<Group>();
  #lastLane = 0;

  /**
   * Puts a job that was submitted, or is retried after its end, into the groups of its keys. A
   * submission brings its limits; a retried job does if it is the only one of the key.
   */
  open(job: StoredJob, { isSubmission }: { readonly isSubmission: boolean }): void {
    const limits = [["concurrency", job.concurrency], ["rate", job.rate]] as const;
    job.groups = limits.flatMap(([kind, limit]) => {
      if (limit === undefined) return [];
      const group = this.#group(kind, { queue: job.queue, key: limit.key });
      if (isSubmission || group.jobs === 0) this.#setLimit(group, limit);
      group.jobs++;
      this.#idle.delete(group);
      return [group];
    });
  }

  /** Takes a job that has ended out of the groups of its keys. */
  close(job: StoredJob): void {
    for (const group of job.groups) {
      group.jobs--;
      if (group.jobs > 0) continue;
      if (group.kind === "rate") this.#idle.add(group);
      else this.#groups.delete(nameOf(group.kind, group));
    }
    job.groups = [];
  }

  /** Adds a job that has become available. Those that are parked may go before it. */
  enter(job: StoredJob, now: number): void {
    const behind = lanesOf(job).find(({ parked }) => parked.size > 0);
    if (behind !== undefined) this.#park(job, behind);
    else this.#admit(job, now);
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
    for (const lane of lanesOf(job)) {
      lane.released--;
      this.#changed.add(lane);
    }
  }

  /** Counts a job as running. */
  started(job: StoredJob, now: number): void {
    for (const group of job.groups) group.started(now);
  }

  /** Counts a job as running no more. */
  stopped(job: StoredJob): void {
    for (const group of job.groups) {
      group.stopped();
      this.#hasChanged(group);
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
    for (const lane of this.#changed) {
      let job = lane.parked.first;
      while (job !== undefined && lane.group.room(now) > lane.released) {
        if (++looked > MAX_RELEASED) return;
        this.leave(job);
        this.#admit(job, now);
        job = lane.parked.first;
      }
      this.#changed.delete(lane);
      this.#wake(lane, now);
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
        if (first === undefined || best && goesBefore(best, first)) continue;
        if (isOpen(queue)) best = first;
      }
      // Another pool may have used the room since the job was released, or the limit is lower.
      const full = best?.groups.find((it) => it.room(now) < 1);
      if (best === undefined || full === undefined) return best;
      this.leave(best);
      this.#park(best, full.lane(pool));
      // Its other key may let another job through.
      this.release(now);
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

  /**
   * Forgets rates without jobs, of up to `limit` that it looks at. Returns true if it forgot all of
   * these, so that there may be more.
   */
  forget(now: number, limit: number): boolean {
    const looked = this.#idle.values().take(limit).toArray();
    let forgotten = 0;
    for (const group of looked) {
      // Moves it behind those that were not looked at.
      this.#idle.delete(group);
      if (!group.isForgettable(now)) this.#idle.add(group);
      else if (this.#groups.delete(nameOf(group.kind, group))) forgotten++;
    }
    return forgotten === limit;
  }

  /** Releases a job, or parks it where there is no room for it. */
  #admit(job: StoredJob, now: number): void {
    const lanes = lanesOf(job);
    const full = lanes.find(({ group, released }) => group.room(now) <= released);
    if (full !== undefined) return this.#park(job, full);
    for (const lane of lanes) lane.released++;
    this.rowsOf(job).add(job);
  }

  #park(job: StoredJob, lane: Lane): void {
    job.parkedIn = lane;
    lane.parked.add(job);
    this.#changed.add(lane);
  }

  #hasChanged(group: Group): void {
    for (const lane of group.lanes) this.#changed.add(lane);
  }

  #wake(lane: Lane, now: number): void {
    if (lane.wakeAt !== Infinity) this.#wakes.delete(lane);
    lane.wakeAt = lane.group.nextReleaseAt(lane, now);
    if (lane.wakeAt !== Infinity) this.#wakes.add(lane);
  }

  /** Returns the group of a key; makes one without jobs if there is none. */
  #group(kind: Group["kind"], of: Pick<Group, "queue" | "key">): Group {
    const name = nameOf(kind, of);
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new KeyGroup<StoredJob>({ kind, ...of }, () => ++this.#lastLane);
    this.#groups.set(name, group);
    return group;
  }

  #setLimit(
    group: Group,
    { limit, periodMs = 1 }: { readonly limit: number; readonly periodMs?: number },
  ): void {
    group.limit = limit;
    group.periodMs = periodMs;
    this.#hasChanged(group);
  }
}

/** Returns true if a job goes before the first one of another queue. */
function goesBefore(a: StoredJob, b: StoredJob): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.seq < b.seq);
}

function lanesOf({ groups, pool }: StoredJob): Lane[] {
  return groups.map((it) => it.lane(pool));
}

function nameOf(kind: string, { queue, key }: Pick<Group, "queue" | "key">): string {
  return `${kind}\0${queue}\0${key}`;
}
