import {
  errorWords,
  folded,
  matchesSearch,
  type SearchWord,
  searchWords,
} from "../../store/jobs/job_search.ts";
import type { JobError, JobFilter } from "../../store/mod.ts";
import type { Cell, ListAsk } from "../messages/mod.ts";
import { IN_LIST, type Statements } from "../writer/mod.ts";
import {
  baseOf,
  type Condition,
  type Found,
  lastOf,
  restOf,
  seqBounds,
  type Source,
} from "./sources.ts";

/**
 * The largest part of an index that is read to find the last jobs in it. A word with more matches
 * is so frequent that the jobs are looked at in their order instead.
 */
const MAX_RANGE = 150_000;
/** The rows of indexes that are counted in one search to choose the best word. */
const MAX_COUNTED = 300_000;
/** The tags, or words, that begin with a word of a search, up to which each is read by itself. */
const MAX_TERMS = 32;
/** The jobs that one call looks at. After them, the page is short and its cursor goes on. */
const MAX_LOOKED = 5_000;
/** The jobs that are read at once. */
const SLICE = 500;
/** The most names of jobs that are looked through. */
const MAX_NAMES = 1_000;

/** A way to find candidates. */
interface Plan {
  /** The word that all candidates match. */
  readonly word?: SearchWord;
  /** Each reads its candidates in the order of an index. */
  readonly sources: readonly Source[];
  /** Parts of indexes in another order, which are read as a whole. */
  readonly ranges: readonly Condition[];
  /** The number of candidates, at least if it is above {@link MAX_RANGE}. */
  readonly size: number;
}

/**
 * Finds jobs by words, the last submitted first. Begins with the word, or the other fields of the
 * filter, that fewest jobs match, and looks at a bounded number of jobs, so that no search is long:
 * a page may be short, and even empty, while `next` is there.
 */
export function search(statements: Statements, ask: ListAsk): Found {
  const { filter, before, limit } = ask;
  const words = searchWords(filter.text ?? "");
  const plan = planOf(statements, words, filter);
  if (plan.size === 0) return { seqs: [], next: null };
  const left = words.filter((it) => it !== plan.word);
  const rest = restOf(filter);
  const { from, below } = seqBounds(statements, filter, before);
  const seqs: number[] = [];
  let [at, looked] = [below, 0];
  while (looked < MAX_LOOKED) {
    // Most pages are full after the first candidates.
    const size = plan.ranges.length > 0 ? MAX_LOOKED : looked === 0 ? limit + 1 : SLICE;
    const candidates = read(statements, plan, { from, below: at, size });
    for (let i = 0; i < candidates.length; i += SLICE) {
      const slice = candidates.slice(i, i + SLICE);
      for (const seq of matching(statements, slice, { rest, words: left })) {
        seqs.push(seq);
        if (seqs.length > limit) return { seqs: seqs.slice(0, limit), next: seqs[limit - 1] ?? 0 };
      }
    }
    if (candidates.length < size) return { seqs, next: null };
    looked += candidates.length;
    at = candidates[candidates.length - 1] ?? 0;
  }
  return { seqs, next: at };
}

/** Returns the next candidates of a plan, without twins. */
function read(
  statements: Statements,
  { sources, ranges }: Plan,
  { from, below, size }: { readonly from: number; readonly below: number; readonly size: number },
): number[] {
  const found = [...sources, ...ranges].flatMap((it) =>
    lastOf(statements, it, { from, below, limit: size })
  );
  return [...new Set(found)].sort((a, b) => b - a).slice(0, size);
}

/** Returns those of some jobs that match the other fields and words. */
function matching(
  statements: Statements,
  seqs: readonly number[],
  { rest, words }: { readonly rest: Condition; readonly words: readonly SearchWord[] },
): number[] {
  const list = `[${seqs.join(",")}]`;
  if (words.length === 0 && rest.sql === "") return [...seqs];
  const rows = statements.cells(
    `select job.seq, job.id, job.name, job.tags, job.error is not null from job
    where job.seq ${IN_LIST} ${rest.sql} order by job.seq desc`,
    list,
    ...rest.cells,
  );
  return rows.filter(([seq, id, name, tags, hasError]) =>
    words.length === 0 || matchesSearch(words, {
      id: String(id),
      name: String(name),
      tags: tags === null ? [] : JSON.parse(String(tags)) as string[],
      words: () => hasError === 1 ? wordsOf(statements, seq as number) : [],
    })
  ).map(([seq]) => seq as number);
}

function wordsOf(statements: Statements, seq: number): readonly string[] {
  const row = statements.get<{ error: string }>("select error from job where seq = ?", seq);
  return row === undefined ? [] : errorWords(JSON.parse(row.error) as JobError);
}

/** Chooses the way with the fewest candidates. */
function planOf(
  statements: Statements,
  words: readonly SearchWord[],
  filter: JobFilter,
): Plan {
  let best: Plan = { ...baseOf(statements, filter), ranges: [] };
  const names = namesOf(statements);
  let counted = 0;
  for (const word of names === undefined ? [] : words) {
    const most = Math.min(best.size, MAX_RANGE, MAX_COUNTED - counted);
    const plan = planOfWord(statements, word, { names: names ?? [], most });
    counted += Math.min(plan.size, most);
    // Even a frequent word is better than no choice, if its jobs come in order.
    const isOrdered = plan.ranges.length === 0;
    if (plan.size <= most || (best.size === Infinity && isOrdered)) best = plan;
  }
  return best;
}

/** Returns the way to the jobs of a word. They are counted up to one more than `most`. */
function planOfWord(
  statements: Statements,
  word: SearchWord,
  { names, most }: { readonly names: readonly Name[]; readonly most: number },
): Plan {
  const [longest] = word.parts.toSorted((a, b) => b.length - a.length);
  const ranges = [rangeOf("id", word.text)].filter((it) => termsOf(statements, it) === undefined);
  const sources = names.filter(({ name }) => folded(name).includes(word.lower))
    .map(({ kind, name }): Condition => ({
      sql: "select job.seq from job indexed by job_name where kind = ? and name = ?",
      cells: [kind, name],
    }));
  const others = [rangeOf("tag", word.text)];
  if (longest !== undefined) others.push(rangeOf("word", longest));
  for (const range of others) {
    const terms = termsOf(statements, range);
    if (terms === undefined) ranges.push(range);
    else sources.push(...terms);
  }
  let size = 0;
  for (const { sql, cells } of [...sources, ...ranges]) {
    if (size > most) break;
    const counted = `select count(*) from (${sql} limit ?)`;
    const [row] = statements.cells(counted, ...cells, most + 1 - size);
    size += Number(row?.[0] ?? 0);
  }
  // Of a word with several parts, only the longest one was looked up.
  const isExact = word.parts.length < 2;
  return { sources, ranges, size, ...(isExact && { word }) };
}

/** The tables of the columns that are searched, with their indexes, under the name `job`. */
const TABLES = {
  id: "job indexed by job_id",
  tag: "job_tag as job",
  word: "job_word as job",
} as const;

/** A part of an index: the texts that begin with a prefix. */
interface Range extends Condition {
  readonly column: keyof typeof TABLES;
}

function rangeOf(column: keyof typeof TABLES, prefix: string): Range {
  const sql = `select job.seq from ${TABLES[column]} where ${column} >= ? and ${column} < ?`;
  return { column, sql, cells: [prefix, behind(prefix)] };
}

const LAST_CODE_POINT = 0x10ffff;

/** Returns the first cell behind every text that begins with a prefix, as UTF-8 is compared. */
function behind(prefix: string): Cell {
  const points = Array.from(prefix, (it) => it.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === LAST_CODE_POINT) continue;
    // Surrogates are no characters.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  // Bytes are behind all texts.
  return new Uint8Array();
}

/** Returns a source for each of the texts in a range; undefined if they are many. */
function termsOf(statements: Statements, { column, cells }: Range): Condition[] | undefined {
  const terms: Condition[] = [];
  const most = column === "id" ? 0 : MAX_TERMS;
  const from = `select ${column} from ${TABLES[column]} where ${column}`;
  const order = `and ${column} < ? order by ${column} limit 1`;
  let [found] = statements.cells(`${from} >= ? ${order}`, ...cells);
  while (found !== undefined) {
    if (terms.length === most) return undefined;
    const [term = null] = found;
    const sql = `select job.seq from ${TABLES[column]} where ${column} = ?`;
    terms.push({ sql, cells: [term] });
    [found] = statements.cells(`${from} > ? ${order}`, term, cells[1] ?? null);
  }
  return terms;
}

interface Name {
  readonly kind: string;
  readonly name: string;
}

/** Returns the names that there are, without reading all jobs; undefined if they are too many. */
function namesOf(statements: Statements): readonly Name[] | undefined {
  const names: Name[] = [];
  let last: Name = { kind: "", name: "" };
  while (names.length <= MAX_NAMES) {
    const next = statements.get<Name>(
      `select kind, name from job indexed by job_name where kind = ? and name > ?
      order by name limit 1`,
      last.kind,
      last.name,
    ) ?? statements.get<Name>(
      `select kind, name from job indexed by job_name where kind > ? order by kind, name limit 1`,
      last.kind,
    );
    if (next === undefined) return names;
    last = next;
    names.push(next);
  }
  return undefined;
}
