import type { ProcessRow, Store, StoreReport } from "../../store/mod.ts";

/** Dependencies of {@link StoreStatus}. */
export interface StoreStatusDeps {
  readonly store: Store;
  readonly processes: { list(): ProcessRow[] };
}

/** The state of the store of a host, and the records of this run. */
export class StoreStatus {
  readonly #deps: StoreStatusDeps;

  /** Reports on this store. Programs get theirs from {@link Snakeden.store}. */
  constructor(deps: StoreStatusDeps) {
    this.#deps = deps;
  }

  /** Reports the state of the store, with the records that it could not read. */
  async report(): Promise<StoreReport> {
    return await this.#deps.store.report();
  }

  /** Lists the recorded processes of this run. */
  processes(): ProcessRow[] {
    return this.#deps.processes.list();
  }
}
