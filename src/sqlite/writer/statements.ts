import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A value of a column. */
export type Cell = string | number | null | Uint8Array;

/** The prepared statements of a connection: each is compiled once. */
export class Statements {
  readonly database: DatabaseSync;
  readonly #objects = new Map<string, StatementSync>();
  readonly #arrays = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  /** Runs a statement. Returns the number of rows that it has changed. */
  run(sql: string, ...cells: Cell[]): number {
    return Number(this.#object(sql).run(...cells).changes);
  }

  /** Returns the first row; undefined if there is none. The caller names its columns. */
  get<T>(sql: string, ...cells: Cell[]): T | undefined {
    return this.#object(sql).get(...cells) as T | undefined;
  }

  /** Returns all rows. The caller names their columns. */
  all<T>(sql: string, ...cells: Cell[]): T[] {
    return this.#object(sql).all(...cells) as T[];
  }

  /** Returns all rows as lists of cells, which is the fastest form. */
  cells(sql: string, ...cells: Cell[]): Cell[][] {
    let statement = this.#arrays.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      // Missing in the types of Deno 2.9.6.
      (statement as StatementSync & { setReturnArrays(isOn: boolean): void }).setReturnArrays(true);
      this.#arrays.set(sql, statement);
    }
    return statement.all(...cells) as unknown as Cell[][];
  }

  #object(sql: string): StatementSync {
    let statement = this.#objects.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.#objects.set(sql, statement);
    }
    return statement;
  }
}
