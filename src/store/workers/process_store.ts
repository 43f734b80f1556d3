import type { ProcessKey, ProcessRow } from "./process_row.ts";

/**
 * The recorded workers of each run, by which a later host ends those that a dead host left behind.
 * Once a run is over, {@link Store.deadProcesses} of the next host has all its rows that were
 * neither forgotten nor damaged.
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
