import { nextRank } from "../../../store/jobs/fairness.ts";
import type { Statements } from "../statements.ts";

/** The jobs of a queue that are ordered by rank among each other. */
export interface FairLane {
  readonly queue: string;
  readonly pool: string;
  readonly priority: number;
}

interface Lane extends FairLane {
  /** The highest rank that has started. */
  rank: number;
  isChanged: boolean;
}

/** The last rank of a key, and true if it is the one that is stored. */
interface Last {
  readonly lane: Lane;
  readonly key: string;
  rank: number;
  isChanged: boolean;
}

const KEY = "queue = ? and pool = ? and priority = ?";

/**
 * The ranks of queues that are shared by a key. Lanes are few and stay in memory; keys are read
 * when they are needed, and written at the end of the group.
 */
export class FairShares {
  readonly #statements: Statements;
  readonly #lanes = new Map<string, Lane>();
  readonly #keys = new Map<string, Last>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** Reads what is stored, after the start or a rollback. */
  reload(): void {
    this.#lanes.clear();
    this.#keys.clear();
    const lanes = this.#statements.all<FairLane & { readonly rank: number }>(
      "select queue, pool, priority, rank from fair_lane",
    );
    for (const { queue, pool, priority, rank } of lanes) {
      this.#lanes.set(nameOf({ queue, pool, priority }), {
        queue,
        pool,
        priority,
        rank,
        isChanged: false,
      });
    }
  }

  /** Returns the rank of a job of a key that has become available. */
  rankOf(of: FairLane, key: string): number {
    const lane = this.#lane(of);
    const last = this.#last(lane, key);
    last.rank = nextRank(lane.rank, last.rank);
    last.isChanged = true;
    return last.rank;
  }

  /** Notes the start of a job with a rank. */
  started(of: FairLane, rank: number): void {
    const lane = this.#lane(of);
    if (rank <= lane.rank) return;
    lane.rank = rank;
    lane.isChanged = true;
  }

  /** Gives a key the turn of a job back that has left its lane without a start. */
  giveBack(of: FairLane, key: string, rank: number): void {
    const lane = this.#lane(of);
    if (rank <= lane.rank) return;
    const last = this.#last(lane, key);
    if (last.rank <= lane.rank) return;
    last.rank--;
    last.isChanged = true;
  }

  /** Forgets the keys of a queue, whose jobs are shared by another one from here on. */
  forgetKeys(queue: string): void {
    this.#keys.clear();
    this.#statements.run("delete from fair_key where queue = ?", queue);
  }

  /** Forgets a queue that has no jobs with a rank. */
  forget(queue: string): void {
    this.forgetKeys(queue);
    for (const [name, lane] of this.#lanes) if (lane.queue === queue) this.#lanes.delete(name);
    this.#statements.run("delete from fair_lane where queue = ?", queue);
  }

  /** Forgets keys that are behind their lanes. Returns true if there were any. */
  sweep(limit: number): boolean {
    this.flush();
    let forgotten = 0;
    for (const { queue, pool, priority, rank } of this.#lanes.values()) {
      forgotten += this.#statements.run(
        `delete from fair_key where (queue, pool, priority, key) in (
          select queue, pool, priority, key from fair_key where ${KEY} and rank <= ? limit ?)`,
        queue,
        pool,
        priority,
        rank,
        limit,
      );
    }
    return forgotten > 0;
  }

  /** Writes the changes. Returns true if there were any. */
  flush(): boolean {
    let isChanged = false;
    for (const lane of this.#lanes.values()) {
      if (!lane.isChanged) continue;
      isChanged = true;
      lane.isChanged = false;
      const { queue, pool, priority, rank } = lane;
      this.#statements.run(
        `insert into fair_lane (queue, pool, priority, rank) values (?, ?, ?, ?)
        on conflict (queue, pool, priority) do update set rank = excluded.rank`,
        queue,
        pool,
        priority,
        rank,
      );
    }
    if (this.#keys.size === 0) return isChanged;
    for (const { lane, key, rank, isChanged: isNew } of this.#keys.values()) {
      if (!isNew) continue;
      isChanged = true;
      this.#statements.run(
        `insert into fair_key (queue, pool, priority, key, rank) values (?, ?, ?, ?, ?)
        on conflict (queue, pool, priority, key) do update set rank = excluded.rank`,
        lane.queue,
        lane.pool,
        lane.priority,
        key,
        rank,
      );
    }
    this.#keys.clear();
    return isChanged;
  }

  #lane(of: FairLane): Lane {
    const name = nameOf(of);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const { queue, pool, priority } = of;
      lane = { queue, pool, priority, rank: 0, isChanged: true };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #last(lane: Lane, key: string): Last {
    const name = `${nameOf(lane)}\0${key}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const row = this.#statements.get<{ rank: number }>(
      `select rank from fair_key where ${KEY} and key = ?`,
      lane.queue,
      lane.pool,
      lane.priority,
      key,
    );
    const last = { lane, key, rank: row?.rank ?? 0, isChanged: false };
    this.#keys.set(name, last);
    return last;
  }
}

function nameOf({ queue, pool, priority }: FairLane): string {
  return `${priority}\0${pool}\0${queue}`;
}
