import type { Store } from "../kv/mod.ts";
import type { ProcessRow } from "../store/mod.ts";
import { reportStore, type StoreReport } from "./open_store.ts";

/** What {@link StoreStatus} tells of. */
export interface StoreStatusDeps {
  /** Undefined when what would be stored is in memory. */
  readonly store: Store | undefined;
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
    return await reportStore(this.#deps.store);
  }

  /** Lists the processes of this run as they are recorded for the next one. */
  processes(): ProcessRow[] {
    return this.#deps.processes.list();
  }
}
