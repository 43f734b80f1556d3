import { errorWords } from "../../store/jobs/job_search.ts";
import type { JobError } from "../../store/mod.ts";
import type { Statements } from "./statements.ts";

/** The error of a job, as it is stored, before a group of operations and after it. */
interface Change {
  readonly before: string | null;
  after: string | null;
}

/**
 * The words of the errors of jobs, for searches. The words of a job follow from its error, so that
 * a change writes only those that one of the two errors lacks: a job that fails again in the same
 * way writes nothing. All changes of a group are written at its end, each kind by one statement.
 */
export class ErrorWords {
  readonly #statements: Statements;
  readonly #changes = new Map<number, Change>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** Notes that a job has another error. */
  change(seq: number, before: string | null, after: string | null): void {
    if (before === after) return;
    const change = this.#changes.get(seq);
    if (change === undefined) this.#changes.set(seq, { before, after });
    else change.after = after;
  }

  /** Forgets what is not written, after a rollback. */
  reset(): void {
    this.#changes.clear();
  }

  /** Writes the changes. */
  flush(): void {
    if (this.#changes.size === 0) return;
    const gone: Pair[] = [];
    const added: Pair[] = [];
    // Jobs that fail for the same reason often have the same error.
    const known = new Map<string, readonly string[]>();
    for (const [seq, { before, after }] of this.#changes) {
      if (before === after) continue;
      const old = new Set(wordsOf(before, known));
      for (const word of wordsOf(after, known)) if (!old.delete(word)) added.push([word, seq]);
      for (const word of old) gone.push([word, seq]);
    }
    this.#changes.clear();
    if (gone.length > 0) this.#statements.run(DELETE, listOf(gone));
    if (added.length > 0) this.#statements.run(INSERT, listOf(added));
  }
}

type Pair = readonly [word: string, seq: number];

const PAIRS = "select value ->> 0, value ->> 1 from json_each(?)";
const DELETE = `delete from job_word where (word, seq) in (${PAIRS})`;
// A word that is there, as of an older rule, must not stop the end of a job.
const INSERT = `insert into job_word (word, seq) ${PAIRS} where true on conflict do nothing`;

/** Returns pairs in the order of the index, of which neighbours share a page. */
function listOf(pairs: Pair[]): string {
  pairs.sort(([a, i], [b, j]) => a === b ? i - j : a < b ? -1 : 1);
  return JSON.stringify(pairs);
}

function wordsOf(error: string | null, known: Map<string, readonly string[]>): readonly string[] {
  if (error === null) return [];
  let words = known.get(error);
  if (words === undefined) {
    words = errorWords(JSON.parse(error) as JobError);
    known.set(error, words);
  }
  return words;
}
