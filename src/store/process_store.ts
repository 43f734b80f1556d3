import type { ProcessKey, ProcessRow } from "./process_row.ts";

/**
 * Stores the workers of each run, so that a later host can end those that a dead one has left. Once
 * a run is over, all its rows that were neither forgotten nor damaged are in
 * {@link Store.deadProcesses} of the next host.
 */
export interface ProcessStore {
  /** Writes a row of this run, replacing any old one with its key. Resolves when it is durable. */
  record(row: ProcessRow): Promise<void>;
  /**
   * Removes any number of rows, of this run or of dead ones, not necessarily in one commit. A
   * missing row is not an error. Resolves when all removals are durable.
   */
  forget(rows: readonly ProcessKey[]): Promise<void>;
}
