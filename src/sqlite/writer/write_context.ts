import type { DatabaseSync } from "node:sqlite";
import type { JobStoreLimits } from "../../store/mod.ts";
import { PLACE } from "../schema/mod.ts";
import { FairShares, Lanes, LimitKeys } from "./keys/mod.ts";
import { Counters, Queues, StoredTotals } from "./queues/mod.ts";
import { Statements } from "./statements.ts";
import { ErrorWords } from "./words.ts";

/** Jobs of a choice of ids, as SQL: `json_each` here, `unnest` in Postgres. */
export const IN_LIST = "in (select value from json_each(?))";

/**
 * Everything that the operations of the writer share. What is kept in memory follows from the
 * database: {@link WriteContext.reload} reads it again after a rollback.
 */
export class WriteContext {
  readonly database: DatabaseSync;
  readonly limits: JobStoreLimits;
  readonly statements: Statements;
  readonly counters: Counters = new Counters();
  readonly queues: Queues = new Queues();
  readonly keys: LimitKeys;
  readonly lanes: Lanes;
  readonly fair: FairShares;
  readonly words: ErrorWords;
  readonly fileTotals: StoredTotals;
  /** The time of the running group of operations. */
  now = 0;
  /** The time of the first job that becomes available; at most that, if it is not exact. */
  dueAt = Infinity;
  /** The time at which the first job expires that has not begun; at most that. */
  expiryAt = Infinity;
  /** The time at which the first rate lets a job through; at most that. */
  rateAt = Infinity;
  /** The time at which the rate of a queue allows a start that a claim has been denied. */
  queueRateAt = Infinity;
  /** Blobs whose last name has gone, which no sweep has reported. */
  readonly unusedBlobs: Set<string> = new Set();
  /** True if the running group has changed anything. */
  isChanged = false;
  /** The queues that may have ready jobs, by pool. */
  readonly #ready = new Map<string, Set<string>>();
  #seq = 0;
  #storedTime = 0;

  constructor(database: DatabaseSync, limits: JobStoreLimits) {
    this.database = database;
    this.limits = limits;
    this.statements = new Statements(database);
    this.keys = new LimitKeys(this.statements);
    this.lanes = new Lanes(this.statements);
    this.fair = new FairShares(this.statements);
    this.words = new ErrorWords(this.statements);
    this.fileTotals = new StoredTotals(this.statements);
    this.reload();
  }

  /** Returns the highest time that is stored. */
  get storedTime(): number {
    return this.#storedTime;
  }

  /** Reads what is kept in memory from the database. */
  reload(): void {
    this.isChanged = false;
    this.unusedBlobs.clear();
    this.counters.reload(this.database);
    this.queues.reload(this.database);
    this.keys.reset();
    this.lanes.reset();
    this.fair.reload();
    this.words.reset();
    this.fileTotals.reload();
    const number = (name: string): number =>
      this.statements.get<{ value: number }>("select value from number where name = ?", name)
        ?.value ?? 0;
    this.#seq = number("seq");
    this.#storedTime = number("time");
    this.dueAt = this.expiryAt = this.rateAt = 0;
    this.#ready.clear();
    this.#findReady();
  }

  /** Returns the `seq` of the next job. */
  nextSeq(): number {
    return ++this.#seq;
  }

  /** Notes that a queue has a ready job for a pool. */
  noteReady(pool: string, queue: string): void {
    let queues = this.#ready.get(pool);
    if (queues === undefined) {
      queues = new Set();
      this.#ready.set(pool, queues);
    }
    queues.add(queue);
  }

  /** Returns the queues that may have ready jobs for a pool. */
  readyQueues(pool: string): Set<string> {
    return this.#ready.get(pool) ?? new Set();
  }

  /** Notes that a queue has no ready job for a pool. */
  noteEmpty(pool: string, queue: string): void {
    const queues = this.#ready.get(pool);
    queues?.delete(queue);
    if (queues?.size === 0) this.#ready.delete(pool);
  }

  /** Writes what the group has gathered in memory. */
  flush(): void {
    if (this.counters.flush(this.database)) this.isChanged = true;
    if (this.queues.flush(this.database)) this.isChanged = true;
    if (this.keys.flush()) this.isChanged = true;
    if (this.fair.flush()) this.isChanged = true;
    if (this.fileTotals.flush()) this.isChanged = true;
    this.words.flush();
    this.lanes.trim();
    if (!this.isChanged) return;
    const set = "update number set value = ? where name = ?";
    this.statements.run(set, this.#seq, "seq");
    this.statements.run(set, this.now, "time");
    this.#storedTime = this.now;
    this.isChanged = false;
  }

  /** Steps from one pool and queue with ready jobs to the next, without reading all of them. */
  #findReady(): void {
    const next = `select pool, queue from job
      where place = ${PLACE.ready} and (pool, queue) > (?, ?) order by pool, queue limit 1`;
    let at: { pool: string; queue: string } | undefined = { pool: "", queue: "" };
    while (at !== undefined) {
      at = this.statements.get<{ pool: string; queue: string }>(next, at.pool, at.queue);
      if (at !== undefined) this.noteReady(at.pool, at.queue);
    }
  }
}
