import type { DatabaseSync } from "node:sqlite";
import { PLACE } from "../../schema/mod.ts";
import type { FileTotals } from "../../../store/mod.ts";
import type { Statements } from "../statements.ts";

/** The number of places. */
const PLACES = PLACE.discarded + 1;

/**
 * The numbers of jobs by queue and place. A group of operations gathers its changes here, and
 * {@link Counters.flush} writes their sums in the same commit: one row a number, however many jobs
 * have moved.
 */
export class Counters {
  readonly #changes = new Map<string, number[]>();
  readonly #running = new Map<string, number>();

  /** Reads what is stored, after the start or a rollback. */
  reload(database: DatabaseSync): void {
    this.#changes.clear();
    this.#running.clear();
    const rows = database.prepare("select queue, jobs from counter where place = ?")
      .all(PLACE.running);
    for (const { queue, jobs } of rows) this.#running.set(String(queue), Number(jobs));
  }

  /** Returns the number of running jobs of a queue. */
  running(queue: string): number {
    return this.#running.get(queue) ?? 0;
  }

  /** Counts `jobs` that have come to a place, or have left it if the number is negative. */
  add(queue: string, place: number, jobs: number): void {
    const changes = this.#of(queue);
    changes[place] = (changes[place] ?? 0) + jobs;
    if (place === PLACE.running) this.#running.set(queue, this.running(queue) + jobs);
  }

  /** Counts a job that has moved. */
  move(queue: string, from: number, to: number): void {
    if (from === to) return;
    const changes = this.#of(queue);
    changes[from] = (changes[from] ?? 0) - 1;
    changes[to] = (changes[to] ?? 0) + 1;
    if (from === PLACE.running) this.#running.set(queue, this.running(queue) - 1);
    if (to === PLACE.running) this.#running.set(queue, this.running(queue) + 1);
  }

  #of(queue: string): number[] {
    let changes = this.#changes.get(queue);
    if (changes === undefined) {
      changes = Array.from({ length: PLACES }, () => 0);
      this.#changes.set(queue, changes);
    }
    return changes;
  }

  /** Writes the changes. Returns true if there were any. */
  flush(database: DatabaseSync): boolean {
    if (this.#changes.size === 0) return false;
    const add = database.prepare(`
      insert into counter (queue, place, jobs) values (?, ?, ?)
      on conflict (queue, place) do update set jobs = jobs + excluded.jobs`);
    for (const [queue, changes] of this.#changes) {
      for (const [place, jobs] of changes.entries()) {
        if (jobs !== 0) add.run(queue, place, jobs);
      }
    }
    this.#changes.clear();
    return true;
  }
}

/** The totals of all files, kept in memory and written with the group that has changed them. */
export class StoredTotals implements FileTotals {
  readonly #statements: Statements;
  #files = 0;
  #bytes = 0;
  #isChanged = false;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  get files(): number {
    return this.#files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts files that were added or, with negative numbers, removed. */
  add(files: number, bytes: number): void {
    this.#files += files;
    this.#bytes += bytes;
    this.#isChanged = true;
  }

  /** Reads the totals again. */
  reload(): void {
    ({ files: this.#files, bytes: this.#bytes } = readTotals(this.#statements));
    this.#isChanged = false;
  }

  /** Writes the totals. Returns true if they were changed. */
  flush(): boolean {
    if (!this.#isChanged) return false;
    const set = "update number set value = ? where name = ?";
    this.#statements.run(set, this.#files, "files");
    this.#statements.run(set, this.#bytes, "file_bytes");
    this.#isChanged = false;
    return true;
  }
}

/** Reads the totals of all files. */
export function readTotals(statements: Statements): FileTotals {
  const number = (name: string): number =>
    statements.get<{ value: number }>("select value from number where name = ?", name)?.value ?? 0;
  return { files: number("files"), bytes: number("file_bytes") };
}
