import type { DatabaseSync } from "node:sqlite";
import type { QueuePatch, QueueRow, QueueToDeclare } from "../../../store/mod.ts";

/** A queue, as it is stored. */
export interface StoredQueue {
  readonly name: string;
  readonly declared: number;
  readonly paused: number;
  readonly concurrency: number | null;
  readonly override: number | null;
  readonly rate_limit: number | null;
  readonly rate_period: number | null;
  readonly tat: number;
  readonly draining: number;
  /** The path of the key; empty if only jobs of an earlier key are left; null for none. */
  readonly fair_by: string | null;
}

/** The columns of {@link StoredQueue}. */
export const QUEUE_COLUMNS =
  "name, declared, paused, concurrency, override, rate_limit, rate_period, tat, draining, fair_by";

/** Returns the most jobs of a queue that run at once; undefined for no limit. */
export function concurrencyOf({ concurrency, override }: StoredQueue): number | undefined {
  return override ?? concurrency ?? undefined;
}

/** Returns the rate of a queue. */
export function rateOf(
  { rate_limit: limit, rate_period: periodMs }: StoredQueue,
): { limit: number; periodMs: number } | undefined {
  return limit === null || periodMs === null ? undefined : { limit, periodMs };
}

/** Returns a queue as the port describes it. */
export function queueRowOf(queue: StoredQueue): QueueRow {
  const concurrency = concurrencyOf(queue);
  const rate = rateOf(queue);
  return {
    name: queue.name,
    paused: queue.paused === 1,
    draining: queue.draining === 1,
    isOverridden: queue.override !== null,
    ...(concurrency !== undefined && { concurrency }),
    ...(rate !== undefined && { rate }),
    ...(queue.fair_by !== null && queue.fair_by !== "" && { fairBy: queue.fair_by }),
  };
}

/** All queues, which are few. The writer keeps them in memory, and writes each change. */
export class Queues {
  readonly #queues = new Map<string, StoredQueue>();
  readonly #changed = new Set<string>();
  #draining = 0;

  /** True if a queue takes no further job. */
  get hasDraining(): boolean {
    return this.#draining > 0;
  }

  /** Reads what is stored, after the start or a rollback. */
  reload(database: DatabaseSync): void {
    this.#queues.clear();
    this.#changed.clear();
    const rows = database.prepare(`select ${QUEUE_COLUMNS} from queue`).all();
    for (const row of rows as unknown as StoredQueue[]) this.#queues.set(row.name, row);
    this.#count();
  }

  /** Returns a queue; undefined if there is none. */
  find(name: string): StoredQueue | undefined {
    return this.#queues.get(name);
  }

  /** Returns the queues whose jobs have ranks. */
  fair(): StoredQueue[] {
    return [...this.#queues.values()].filter((it) => it.fair_by !== null);
  }

  /** Makes a queue known that a job names. Returns it. */
  add(name: string): StoredQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = emptyQueue(name);
    this.#put(queue);
    return queue;
  }

  /** Gives the jobs of a queue no further ranks. */
  endFairness(queue: StoredQueue): void {
    this.#put({ ...queue, fair_by: null });
  }

  /** Stores the state of the rate of a queue. */
  setTat(queue: StoredQueue, tat: number): void {
    this.#put({ ...queue, tat });
  }

  /** Makes these queues known; others stay as they are, and are seen while they have jobs. */
  declare(queues: readonly QueueToDeclare[]): void {
    for (const it of this.#queues.values()) {
      if (it.declared === 1) {
        this.#put({ ...it, declared: 0, fair_by: it.fair_by === null ? null : "" });
      }
    }
    for (const { name, concurrency, rate, fairBy } of queues) {
      const queue = this.#queues.get(name) ?? emptyQueue(name);
      this.#put({
        ...queue,
        fair_by: fairBy ?? queue.fair_by,
        declared: 1,
        concurrency: concurrency ?? null,
        rate_limit: rate?.limit ?? null,
        rate_period: rate?.periodMs ?? null,
      });
    }
  }

  /** Changes a queue. Returns it; undefined if there is none. */
  patch(name: string, { paused, draining, concurrency }: QueuePatch): StoredQueue | undefined {
    const queue = this.#queues.get(name);
    if (queue === undefined) return undefined;
    const patched = {
      ...queue,
      ...(paused !== undefined && { paused: paused ? 1 : 0 }),
      ...(draining !== undefined && { draining: draining ? 1 : 0 }),
      ...(concurrency !== undefined && { override: concurrency }),
    };
    this.#put(patched);
    this.#count();
    return patched;
  }

  /** Writes the changes. Returns true if there were any. */
  flush(database: DatabaseSync): boolean {
    if (this.#changed.size === 0) return false;
    const put = database.prepare(`
      insert into queue (${QUEUE_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (name) do update set declared = excluded.declared, paused = excluded.paused,
        concurrency = excluded.concurrency, override = excluded.override,
        rate_limit = excluded.rate_limit, rate_period = excluded.rate_period, tat = excluded.tat,
        draining = excluded.draining, fair_by = excluded.fair_by`);
    for (const name of this.#changed) {
      const it = this.#queues.get(name) ?? emptyQueue(name);
      const { declared, paused, concurrency, override, rate_limit, rate_period, tat } = it;
      const limits = [concurrency, override, rate_limit, rate_period, tat];
      put.run(name, declared, paused, ...limits, it.draining, it.fair_by);
    }
    this.#changed.clear();
    return true;
  }

  #count(): void {
    this.#draining = [...this.#queues.values()].filter((it) => it.draining === 1).length;
  }

  #put(queue: StoredQueue): void {
    this.#queues.set(queue.name, queue);
    this.#changed.add(queue.name);
  }
}

function emptyQueue(name: string): StoredQueue {
  return {
    name,
    declared: 0,
    paused: 0,
    concurrency: null,
    override: null,
    rate_limit: null,
    rate_period: null,
    tat: 0,
    draining: 0,
    fair_by: null,
  };
}
