import type { MovedAside, ProcessRow, Store, StoreReport } from "../../store/mod.ts";

/** The state of the stores of a host, for its operator. */
export interface HostStoreReport extends StoreReport {
  /** The database of the jobs, if there is something to know about it. */
  readonly jobs?: {
    /** The database that could not be used at the start of this run. */
    readonly movedAside?: MovedAside;
    readonly warnings: readonly string[];
  };
}

/** Dependencies of {@link StoreStatus}. */
export interface StoreStatusDeps {
  /** The store of jobs; undefined if there is none. */
  readonly jobs?: {
    readonly movedAside: MovedAside | undefined;
    readonly warnings: readonly string[];
  } | undefined;
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
  async report(): Promise<HostStoreReport> {
    const { store, jobs } = this.#deps;
    const report = await store.report();
    if (jobs === undefined || jobs.movedAside === undefined && jobs.warnings.length === 0) {
      return report;
    }
    const { movedAside, warnings } = jobs;
    return { ...report, jobs: { warnings, ...(movedAside === undefined ? {} : { movedAside }) } };
  }

  /** Lists the recorded processes of this run. */
  processes(): ProcessRow[] {
    return this.#deps.processes.list();
  }
}
