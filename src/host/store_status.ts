import type { ProcessRow, Store, StoreReport } from "../store/mod.ts";

/** What {@link StoreStatus} reports on. */
export interface StoreStatusDeps {
  readonly store: Store;
  readonly processes: { list(): ProcessRow[] };
}

/** The state of the store of a host, and what this run has put there. */
export class StoreStatus {
  readonly #deps: StoreStatusDeps;

  constructor(deps: StoreStatusDeps) {
    this.#deps = deps;
  }

  /** Reports what the store could not read, and where that is now. */
  async report(): Promise<StoreReport> {
    return await this.#deps.store.report();
  }

  /** Lists the processes of this run as they are recorded for the next one. */
  processes(): ProcessRow[] {
    return this.#deps.processes.list();
  }
}
