import type { ProcessKey, ProcessRow } from "./process_row.ts";

/**
 * Keeps the workers of runs, so that a later host can end what a dead one has left. A row that is
 * neither forgotten nor damaged is among {@link Store.deadProcesses} of the next host, once its run
 * is over.
 */
export interface ProcessStore {
  /** Writes a row of this run over what was recorded under its key. Resolves when it is durable. */
  record(row: ProcessRow): Promise<void>;
  /**
   * Removes rows, of this run or of dead ones; any number, and not necessarily all at once. A row
   * that is not there is no error. Resolves when all are gone durably.
   */
  forget(rows: readonly ProcessKey[]): Promise<void>;
}
