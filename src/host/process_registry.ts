import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { ProcessRow, ProcessStore } from "../store/mod.ts";

/** The key of one process of a worker. */
export interface WorkerIdentity {
  readonly workerId: string;
  readonly incarnation: string;
}

/** Dependencies of a registry. */
export interface RegistryOptions {
  readonly runId: string;
  /**
   * Returns the start time that the system has for a process; undefined if it has none, or the
   * process is gone. Never rejects.
   */
  readonly startTimeOf: (pid: number) => Promise<string | undefined>;
  /** The store of the rows. */
  readonly processes: ProcessStore;
}

/**
 * The processes of this run. A row is *reserved* before the spawn, *active* with pid and start time
 * soon after it, and released when the process is gone. No method rejects. A worker that cannot be
 * recorded, for example on a full disk, still runs: the mark in its environment identifies it too.
 */
export class ProcessRegistry implements AsyncDisposable {
  readonly #options: RegistryOptions;
  readonly #rows = new Map<string, ProcessRow>();
  readonly #log = getLogger("store");
  readonly #pending = new Set<Promise<void>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Records a worker that is about to be spawned. Resolves when the write has ended. */
  async reserve({ workerId, incarnation }: WorkerIdentity): Promise<void> {
    await this.#follow(this.#record({
      runId: this.#options.runId,
      workerId,
      incarnation,
      state: "reserved",
      reservedAt: new Date().toISOString(),
      hostPid: Deno.pid,
    }));
  }

  /** Records the process of a worker, which leads a group. */
  activate(incarnation: string, pid: number): void {
    const row = this.#rows.get(incarnation);
    if (row === undefined) return;
    this.#rows.set(incarnation, { ...row, state: "active", pid, group: pid });
    void this.#follow(this.#complete(incarnation, pid));
  }

  /** Removes the record of a process that is gone, or was never spawned. */
  release(incarnation: string): void {
    const row = this.#rows.get(incarnation);
    if (row === undefined) return;
    this.#rows.delete(incarnation);
    void this.#follow(this.#forget(row));
  }

  /** Lists the records. */
  list(): ProcessRow[] {
    return [...this.#rows.values()];
  }

  /** Waits until all writes so far have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #follow(work: Promise<void>): Promise<void> {
    this.#pending.add(work);
    await work;
    this.#pending.delete(work);
  }

  /**
   * Records pid and start time in one write. Until then the reservation says that there may be a
   * process.
   */
  async #complete(incarnation: string, pid: number): Promise<void> {
    const startTime = await this.#options.startTimeOf(pid);
    const row = this.#rows.get(incarnation);
    // The process may have ended meanwhile, and its row with it.
    if (row?.pid !== pid) return;
    await this.#record({ ...row, ...(startTime === undefined ? {} : { startTime }) });
  }

  async #record(row: ProcessRow): Promise<void> {
    this.#rows.set(row.incarnation, row);
    try {
      await this.#options.processes.record(row);
    } catch (error) {
      this.#log.error("cannot record the process of {workerId}: {problem}", {
        workerId: row.workerId,
        problem: messageOf(error),
      });
    }
  }

  async #forget(row: ProcessRow): Promise<void> {
    try {
      await this.#options.processes.forget([row]);
    } catch (error) {
      this.#log.error(
        "cannot remove the record of {workerId}, which the next start removes: {problem}",
        {
          workerId: row.workerId,
          problem: messageOf(error),
        },
      );
    }
  }
}
