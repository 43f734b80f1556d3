import { allowedStarts, tatAfter } from "../../../store/jobs/gcra.ts";
import type { Statements } from "../statements.ts";

/** The kinds of limits of a key. */
export type KeyKind = "concurrency" | "rate";

/** The limit of a key in a queue. */
export interface LimitKey {
  readonly kind: KeyKind;
  readonly queue: string;
  readonly key: string;
  /** The number of jobs with the key that have not ended. */
  jobs: number;
  cap: number;
  /** The period of a rate; 0 of a concurrency. */
  period: number;
  /** The number of jobs of a concurrency that run; 0 of a rate. */
  running: number;
  /** The state of a rate. */
  tat: number;
  /** The time from which a rate lets a further job through, if one waits for that. */
  next_at: number | null;
}

const COLUMNS = "kind, queue, key, jobs, cap, period, running, tat, next_at";

/**
 * The limits of keys that a group of operations works with. They are read when they are needed, and
 * written at the end of the group.
 */
export class LimitKeys {
  readonly #statements: Statements;
  readonly #keys = new Map<string, LimitKey>();
  /** Keys that may have got room. */
  readonly #freed = new Set<LimitKey>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** Forgets everything that was not written. */
  reset(): void {
    this.#keys.clear();
    this.#freed.clear();
  }

  /** Returns the limit of a key; makes one without jobs if there is none. */
  get(kind: KeyKind, queue: string, key: string): LimitKey {
    const name = `${kind}\0${queue}\0${key}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const row = this.#statements.get<LimitKey>(
      `select ${COLUMNS} from limit_key where kind = ? and queue = ? and key = ?`,
      kind,
      queue,
      key,
    ) ??
      { kind, queue, key, jobs: 0, cap: 1, period: 0, running: 0, tat: 0, next_at: null };
    this.#keys.set(name, row);
    return row;
  }

  /** Marks a key that may have got room. */
  free(key: LimitKey): void {
    this.#freed.add(key);
  }

  /** Takes a key that may have got room. */
  takeFreed(): LimitKey | undefined {
    const [key] = this.#freed;
    if (key !== undefined) this.#freed.delete(key);
    return key;
  }

  /** Marks the keys of rates whose time has come. */
  freeDue(now: number): void {
    this.#write();
    const due = this.#statements.all<Pick<LimitKey, "kind" | "queue" | "key">>(
      "select kind, queue, key from limit_key where next_at <= ? and jobs > 0 " +
        "order by next_at limit 1000",
      now,
    );
    for (const { kind, queue, key } of due) this.free(this.get(kind, queue, key));
  }

  /** Returns the time at which the next rate lets a job through; undefined if none waits. */
  nextAt(): number | undefined {
    const row = this.#statements.get<{ at: number | null }>(
      "select min(next_at) as at from limit_key where next_at is not null and jobs > 0",
    );
    return row?.at ?? undefined;
  }

  /** Writes the changes. Returns true if there were any. */
  flush(): boolean {
    if (this.#keys.size === 0) return false;
    this.#write();
    this.#keys.clear();
    return true;
  }

  #write(): void {
    for (const it of this.#keys.values()) {
      const { kind, queue, key, jobs, cap, period, running, tat, next_at } = it;
      if (jobs === 0 && kind === "concurrency") {
        this.#statements.run(
          "delete from limit_key where kind = ? and queue = ? and key = ?",
          kind,
          queue,
          key,
        );
        continue;
      }
      this.#statements.run(
        `insert into limit_key (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
        on conflict (kind, queue, key) do update set jobs = excluded.jobs, cap = excluded.cap,
          period = excluded.period, running = excluded.running, tat = excluded.tat,
          next_at = excluded.next_at`,
        kind,
        queue,
        key,
        jobs,
        cap,
        period,
        running,
        tat,
        // Without jobs, the time at which the row can be removed: all its starts are paid for.
        jobs === 0 ? Math.ceil(tat) : next_at,
      );
    }
  }

  /** Removes the keys of rates that have no jobs and hold nothing back any more. */
  sweep(now: number): void {
    this.#statements.run(
      "delete from limit_key where next_at <= ? and jobs = 0 and kind = 'rate'",
      now,
    );
  }
}

/** Returns the number of jobs of a key that may start now; none if it is 0 or less. */
export function roomOf({ kind, cap, period, tat, running }: LimitKey, now: number): number {
  if (kind === "concurrency") return cap - running;
  return allowedStarts(tat, now, { limit: cap, periodMs: period });
}

/** Counts a start. */
export function start(key: LimitKey, now: number): void {
  if (key.kind === "concurrency") key.running++;
  else key.tat = tatAfter(key.tat, now, { limit: key.cap, periodMs: key.period, count: 1 });
}

/** Returns the first time at which a rate allows more starts than now; undefined if it is full. */
export function nextRoomAt(key: LimitKey, now: number): number | undefined {
  const { cap, period, tat } = key;
  const allowed = roomOf(key, now);
  if (allowed >= cap) return undefined;
  // One hundredth earlier than the exact time: that is the slack of a rate.
  let at = Math.max(now + 1, Math.floor(tat - period + (allowed + 0.99) * period / cap));
  while (roomOf(key, at) <= allowed) at++;
  return at;
}
