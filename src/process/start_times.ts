import { withDeadline } from "../async/mod.ts";
import type { ProcessTable } from "./process_table.ts";

/** A look takes some milliseconds; one that takes this long hangs. */
const TIMEOUT_MS = 2_000;

/**
 * Tells when processes have started. Those that are asked for while one look runs share the next.
 */
export class StartTimes {
  readonly #table: ProcessTable;
  #next: Map<number, PromiseWithResolvers<string | undefined>> = new Map();
  #running = false;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** Undefined when the process is gone, or the system does not tell. Never rejects. */
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
      // A row without a start time still holds its pid, and the mark finds the process.
      return new Map();
    }
  }
}
