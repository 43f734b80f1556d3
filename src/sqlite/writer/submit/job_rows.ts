import type { Cell, Statements } from "../statements.ts";

/** The rows that one statement inserts. */
const ROWS = 8;

/** The columns that jobs of one kind of work usually have in common, behind the first `seq`. */
const SHARED = [
  "kind",
  "name",
  "queue",
  "pool",
  "place",
  "priority",
  "max_attempts",
  "created_at",
  "run_at",
  "start_by",
  "settings",
] as const;
/** The columns that each row has of its own. */
const OWN = ["id", "tags", "metadata", "options", "args_bytes", "args"] as const;
/** The columns that most jobs leave empty. A row with some of them is inserted by itself. */
const RARE = ["uniq", "ckey", "rkey", "rank"] as const;

/** A row of the table of jobs. An absent rank is 0. */
export type NewRow =
  & { readonly [column in typeof SHARED[number] | typeof OWN[number]]: Cell }
  & { readonly [column in Exclude<typeof RARE[number], "rank">]: Cell }
  & { readonly seq: number; readonly rank?: number };

const ZEROS = ["attempt", "run", "begun", "event_seq"] as const;
const COLUMNS = ["seq", ...SHARED, ...OWN, ...ZEROS];
const ONE = insertOf(1);
const MANY = insertOf(ROWS);
const RARE_ONE = `insert into job (${[...COLUMNS, ...RARE].join(", ")}) values (${
  [...COLUMNS, ...RARE].map((it) => ZEROS.some((zero) => zero === it) ? "0" : "?").join(", ")
})`;

/** Returns a statement for rows whose numbers follow each other, with their common cells once. */
function insertOf(rows: number): string {
  const values = Array.from({ length: rows }, (_, i) => {
    const shared = SHARED.map((_, at) => `?${2 + at}`);
    const own = OWN.map((_, at) => `?${2 + SHARED.length + i * OWN.length + at}`);
    return `(${[`?1 + ${i}`, ...shared, ...own, ...ZEROS.map(() => "0")].join(", ")})`;
  });
  return `insert into job (${COLUMNS.join(", ")}) values ${values.join(", ")}`;
}

/**
 * Inserts the rows of a submission. Jobs of one submission are mostly alike, so that rows which
 * follow each other go into one statement, with their common cells once: that halves the time of an
 * insertion, most of which is binding cells. The last rows are written by {@link JobRows.flush}.
 */
export class JobRows {
  readonly #statements: Statements;
  #first: NewRow | undefined;
  /** The cells of the rows that wait, which are like the first one. */
  #own: Cell[] = [];
  #count = 0;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** Adds a row. It may be written later. */
  add(row: NewRow): void {
    const { uniq, ckey, rkey, rank = 0 } = row;
    if (uniq !== null || ckey !== null || rkey !== null || rank !== 0) {
      const cells = [...SHARED, ...OWN].map((it) => row[it]);
      this.#statements.run(RARE_ONE, row.seq, ...cells, uniq, ckey, rkey, rank);
      return;
    }
    const first = this.#first;
    if (first === undefined || row.seq !== first.seq + this.#count || !isLike(first, row)) {
      this.flush();
      this.#first = row;
    }
    this.#own.push(row.id, row.tags, row.metadata, row.options, row.args_bytes, row.args);
    if (++this.#count === ROWS) this.flush();
  }

  /** Writes the rows that wait. */
  flush(): void {
    const first = this.#first;
    if (first === undefined) return;
    const [own, count] = [this.#own, this.#count];
    this.#first = undefined;
    this.#own = [];
    this.#count = 0;
    const shared = SHARED.map((it) => first[it]);
    if (count === ROWS) {
      this.#statements.run(MANY, first.seq, ...shared, ...own);
      return;
    }
    for (let i = 0; i < count; i++) {
      const cells = own.slice(i * OWN.length, (i + 1) * OWN.length);
      this.#statements.run(ONE, first.seq + i, ...shared, ...cells);
    }
  }
}

function isLike(a: NewRow, b: NewRow): boolean {
  for (const column of SHARED) if (a[column] !== b[column]) return false;
  return true;
}
