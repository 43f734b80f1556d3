import type { DatabaseSync } from "node:sqlite";
import type { QueuePatch, QueueRow, QueueToDeclare } from "../../store/mod.ts";

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
}

/** The columns of {@link StoredQueue}. */
export const QUEUE_COLUMNS =
  "name, declared, paused, concurrency, override, rate_limit, rate_period, tat";

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
    isOverridden: queue.override !== null,
    ...(concurrency !== undefined && { concurrency }),
    ...(rate !== undefined && { rate }),
  };
}

/** All queues, which are few. The writer keeps them in memory, and writes each change. */
export class Queues {
  readonly #queues = new Map<string, StoredQueue>();
  readonly #changed = new Set<string>();

  /** Reads what is stored, after the start or a rollback. */
  reload(database: DatabaseSync): void {
    this.#queues.clear();
    this.#changed.clear();
    const rows = database.prepare(`select ${QUEUE_COLUMNS} from queue`).all();
    for (const row of rows as unknown as StoredQueue[]) this.#queues.set(row.name, row);
  }

  /** Returns a queue; undefined if there is none. */
  find(name: string): StoredQueue | undefined {
    return this.#queues.get(name);
  }

  /** Makes a queue known that a job names. */
  add(name: string): void {
    if (!this.#queues.has(name)) this.#put(emptyQueue(name));
  }

  /** Stores the state of the rate of a queue. */
  setTat(queue: StoredQueue, tat: number): void {
    this.#put({ ...queue, tat });
  }

  /** Makes these queues known; others stay as they are, and are seen while they have jobs. */
  declare(queues: readonly QueueToDeclare[]): void {
    for (const it of this.#queues.values()) {
      if (it.declared === 1) this.#put({ ...it, declared: 0 });
    }
    for (const { name, concurrency, rate } of queues) {
      this.#put({
        ...(this.#queues.get(name) ?? emptyQueue(name)),
        declared: 1,
        concurrency: concurrency ?? null,
        rate_limit: rate?.limit ?? null,
        rate_period: rate?.periodMs ?? null,
      });
    }
  }

  /** Changes a queue. Returns it; undefined if there is none. */
  patch(name: string, { paused, concurrency }: QueuePatch): StoredQueue | undefined {
    const queue = this.#queues.get(name);
    if (queue === undefined) return undefined;
    const patched = {
      ...queue,
      ...(paused !== undefined && { paused: paused ? 1 : 0 }),
      ...(concurrency !== undefined && { override: concurrency }),
    };
    this.#put(patched);
    return patched;
  }

  /** Writes the changes. Returns true if there were any. */
  flush(database: DatabaseSync): boolean {
    if (this.#changed.size === 0) return false;
    const put = database.prepare(`
      insert into queue (${QUEUE_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (name) do update set declared = excluded.declared, paused = excluded.paused,
        concurrency = excluded.concurrency, override = excluded.override,
        rate_limit = excluded.rate_limit, rate_period = excluded.rate_period, tat = excluded.tat`);
    for (const name of this.#changed) {
      const it = this.#queues.get(name) ?? emptyQueue(name);
      const { declared, paused, concurrency, override, rate_limit, rate_period, tat } = it;
      put.run(name, declared, paused, concurrency, override, rate_limit, rate_period, tat);
    }
    this.#changed.clear();
    return true;
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
  };
}
