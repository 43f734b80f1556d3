import { fairKey, nextRank } from "../fairness.ts";
import type { JsonObject } from "../../session_row.ts";

/** The keys of a lane after which those are forgotten that are behind its virtual time. */
const LEAST_KEYS = 64;

/** The facts about a job by which it is ranked. */
export interface Ranked {
  readonly queue: string;
  readonly pool: string;
  readonly priority: number;
  readonly metadata: JsonObject;
  rank: number;
}

/** The jobs of a queue, a pool and a priority. */
interface Lane {
  /** The highest rank that has started. */
  rank: number;
  /** The last rank of each key. */
  readonly keys: Map<string, number>;
  /** The number of keys at which some are forgotten. */
  forgetAt: number;
}

/** A queue whose jobs have ranks. */
interface FairQueue {
  fairBy: string;
  readonly lanes: Map<string, Lane>;
  /** The number of its jobs with a rank that have not ended. */
  jobs: number;
}

/** The ranks of queues that are shared by a key. */
export class FairShares {
  readonly #queues = new Map<string, FairQueue>();

  /** Shares a queue by a path; undefined leaves its jobs with a rank to share it as one key. */
  declare(name: string, fairBy: string | undefined): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) {
      if (fairBy !== undefined) this.#queues.set(name, { fairBy, lanes: new Map(), jobs: 0 });
      return;
    }
    if (queue.fairBy === (fairBy ?? "")) return;
    queue.fairBy = fairBy ?? "";
    for (const { keys } of queue.lanes.values()) keys.clear();
  }

  /** Returns the names of the queues that have a path. */
  names(): string[] {
    return [...this.#queues].filter(([, { fairBy }]) => fairBy !== "").map(([name]) => name);
  }

  /** Returns the path by which a queue is shared. */
  pathOf(name: string): string | undefined {
    const { fairBy = "" } = this.#queues.get(name) ?? {};
    return fairBy === "" ? undefined : fairBy;
  }

  /** Gives a job a rank that has become available, unless it has one. */
  give(job: Ranked): void {
    const queue = this.#queues.get(job.queue);
    if (queue === undefined || job.rank > 0) return;
    const lane = laneOf(queue, job);
    const key = fairKey(queue.fairBy, job.metadata);
    job.rank = nextRank(lane.rank, lane.keys.get(key));
    lane.keys.set(key, job.rank);
    queue.jobs++;
    if (lane.keys.size > lane.forgetAt) forgetBehind(lane);
  }

  /** Notes the start of a job. */
  started(job: Ranked): void {
    const queue = job.rank === 0 ? undefined : this.#queues.get(job.queue);
    if (queue === undefined) return;
    const lane = laneOf(queue, job);
    lane.rank = Math.max(lane.rank, job.rank);
  }

  /** Takes the rank of a job that leaves its lane. One that was not started gives its turn back. */
  take(job: Ranked, { pool, metadata }: Pick<Ranked, "pool" | "metadata">): void {
    const queue = job.rank === 0 ? undefined : this.#queues.get(job.queue);
    const { rank } = job;
    job.rank = 0;
    if (queue === undefined) return;
    queue.jobs--;
    const { queue: name, priority } = job;
    const lane = laneOf(queue, { queue: name, pool, priority });
    const key = fairKey(queue.fairBy, metadata);
    const last = lane.keys.get(key) ?? 0;
    if (rank > lane.rank && last > lane.rank) lane.keys.set(key, last - 1);
  }

  /** Forgets queues without a path that have no jobs with a rank. */
  forget(): void {
    for (const [name, { fairBy, jobs }] of this.#queues) {
      if (fairBy === "" && jobs === 0) this.#queues.delete(name);
    }
  }
}

function laneOf({ lanes }: FairQueue, { pool, priority }: Omit<Ranked, "metadata" | "rank">): Lane {
  const name = `${priority}\0${pool}`;
  const known = lanes.get(name);
  if (known !== undefined) return known;
  const lane = { rank: 0, keys: new Map<string, number>(), forgetAt: LEAST_KEYS };
  lanes.set(name, lane);
  return lane;
}

/** Forgets the keys that are behind a lane. */
function forgetBehind(lane: Lane): void {
  for (const [key, last] of lane.keys) if (last <= lane.rank) lane.keys.delete(key);
  lane.forgetAt = 2 * lane.keys.size + LEAST_KEYS;
}
