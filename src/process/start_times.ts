import { withDeadline } from "../async/mod.ts";
import type { ProcessTable } from "./process_table.ts";

/** A read of the table takes a few milliseconds. One that takes this long hangs. */
const TIMEOUT_MS = 2_000;

/**
 * Looks up the start times of processes. Requests that arrive during one read of the table share
 * the next one.
 */
export class StartTimes {
  readonly #table: ProcessTable;
  #next: Map<number, PromiseWithResolvers<string | undefined>> = new Map();
  #running = false;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /**
   * Returns the start time of a process; undefined if the process is gone or the table cannot be
   * read. Never rejects.
   */
  async of(pid: number): Promise<string | undefined> {
    let waiting = this.#next.get(pid);
    if (waiting === undefined) {
      waiting = Promise.withResolvers();
      this.#next.set(pid, waiting);
    }
    if (!this.#running) void this.#look();
    return await waiting.promise;
  }

  async #look(): Promise<void> {
    this.#running = true;
    while (this.#next.size > 0) {
      const asked = this.#next;
      this.#next = new Map();
      const times = await this.#read([...asked.keys()]);
      for (const [pid, { resolve }] of asked) resolve(times.get(pid));
    }
    this.#running = false;
  }

  async #read(pids: readonly number[]): Promise<ReadonlyMap<number, string>> {
    try {
      return await withDeadline(TIMEOUT_MS, (signal) => this.#table.startTimes(pids, signal));
    } catch {
      // A row without a start time still has its pid, and the mark still finds the process.
      return new Map();
    }
  }
}
