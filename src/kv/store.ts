import type { ProcessRow, SetAside } from "../store/mod.ts";
import type { Blobs } from "./blobs.ts";
import type { ProcessRegistry, RegistryOptions } from "./process_registry.ts";

/** A database that could not be used. */
export interface MovedAside {
  /** Where it is now. */
  readonly path: string;
  /** Why. */
  readonly problem: string;
}

/** Everything that outlives a host goes through this. Disposing writes what waits, and lets go of the data directory. */
export interface Store extends AsyncDisposable {
  readonly blobs: Blobs;
  /** The database that could not be used at the start; what was in it is not in the store. */
  readonly movedAside: MovedAside | undefined;
  /** Rows of runs that are over. */
  readonly deadProcesses: readonly ProcessRow[];
  /** Makes the registry of this run. */
  registry(options: Pick<RegistryOptions, "startTimeOf">): ProcessRegistry;
  /** Forgets rows of runs that are over. @throws {SnakedenError} `store_failed`. */
  forget(rows: readonly ProcessRow[]): Promise<void>;
  /** Records that could not be read, of this life and of earlier ones. */
  listSetAside(): Promise<SetAside[]>;
}
