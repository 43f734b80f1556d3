import { JOB_STATES } from "../../store/jobs/job_row.ts";
import type { JobFilter, JobState } from "../../store/mod.ts";
import { PLACE, placesOf } from "../schema/mod.ts";
import type { Cell } from "../messages/mod.ts";
import { IN_LIST, type Statements } from "../writer/mod.ts";

/** The most indexes that are merged for a page; above it, the table is read in order. */
const MAX_SOURCES = 256;

/** A part of a `where`, with its values. */
export interface Condition {
  readonly sql: string;
  readonly cells: readonly Cell[];
}

/** A statement that reads its jobs in the order of an index. */
export interface Source extends Condition {
  /** The column of that order, if it is not `job.seq`. */
  readonly seq?: string;
}

/** Returns the last jobs of a source, below `below`, that meet a further condition. */
export function lastOf(
  statements: Statements,
  { sql, cells, seq = "job.seq" }: Source,
  { from, below, limit, rest }: {
    readonly from: number;
    readonly below: number;
    readonly limit: number;
    readonly rest?: Condition;
  },
): number[] {
  const rows = statements.cells(
    `${sql} and ${seq} < ? and ${seq} >= ? ${rest?.sql ?? ""} order by ${seq} desc limit ?`,
    ...cells,
    below,
    from,
    ...rest?.cells ?? [],
    limit,
  );
  return rows.map(([it]) => it as number);
}

/** Jobs in the order of a list, and the `seq` behind which a page goes on. */
export interface Found {
  readonly seqs: readonly number[];
  readonly next: number | null;
}

/** Returns the bounds of a page. Jobs that were submitted later have higher numbers and times. */
export function seqBounds(
  statements: Statements,
  { createdFrom, createdBefore }: JobFilter,
  before: number | null,
): { readonly below: number; readonly from: number } {
  const below = createdBefore === undefined ? Infinity : firstSince(statements, createdBefore);
  return {
    below: Math.min(below, before ?? Number.MAX_SAFE_INTEGER),
    from: createdFrom === undefined ? 0 : firstSince(statements, createdFrom),
  };
}

/** Returns the first `seq` of jobs that were submitted at a time or later, by halving. */
function firstSince(statements: Statements, at: number): number {
  const ends = statements.get<{ low: number | null; high: number | null }>(
    "select (select min(seq) from job) as low, (select max(seq) from job) as high",
  );
  let low = ends?.low ?? 0;
  let high = (ends?.high ?? 0) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = statements.get<{ created_at: number }>(
      "select created_at from job where seq >= ? order by seq limit 1",
      middle,
    );
    if (row === undefined || row.created_at >= at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns the conditions that no index answers. */
export function restOf({ kinds, names, queues, states, tags }: JobFilter): Condition {
  const parts: Condition[] = [];
  const oneOf = (column: string, values: readonly Cell[] | undefined): void => {
    if (values === undefined) return;
    parts.push({ sql: `and job.${column} ${IN_LIST}`, cells: [JSON.stringify(values)] });
  };
  oneOf("kind", kinds);
  oneOf("name", names);
  oneOf("queue", queues);
  oneOf("place", states?.flatMap((it) => placesOf(it)));
  if (tags?.length === 0) parts.push({ sql: "and 1 = 0", cells: [] });
  for (const tag of tags ?? []) {
    const sql = "and exists (select 1 from job_tag as it where it.tag = ? and it.seq = job.seq)";
    parts.push({ sql, cells: [tag] });
  }
  return { sql: parts.map((it) => it.sql).join(" "), cells: parts.flatMap((it) => it.cells) };
}

/** Returns the sources of a filter without its words, and the number of jobs in them. */
export function baseOf(
  statements: Statements,
  filter: JobFilter,
): { readonly sources: readonly Source[]; readonly size: number } {
  const { states, queues } = filter;
  const isByState = states !== undefined || queues !== undefined;
  return {
    sources: sourcesOf(statements, filter),
    size: isByState ? countOf(statements, filter) : Infinity,
  };
}

/** A cross join, since SQLite could begin with the jobs, and go through all of them. */
const THEN_JOB = "cross join job on job.seq =";

const ALL: Condition = { sql: "select job.seq from job where 1 = 1", cells: [] };

/** The jobs of a choice of states up to which their names need no index. */
const FEW_JOBS = 20_000;

/** Returns statements, each of which reads its jobs in the order of an index. */
export function sourcesOf(statements: Statements, filter: JobFilter): readonly Source[] {
  const { tags, states, queues, kinds, names } = filter;
  const [tag] = tags ?? [];
  if (tag !== undefined) {
    const sql = `select job_tag.seq from job_tag ${THEN_JOB} job_tag.seq where tag = ?`;
    return [{ sql, cells: [tag], seq: "job_tag.seq" }];
  }
  const isByState = states !== undefined || queues !== undefined;
  const isByName = kinds !== undefined || names !== undefined;
  const sources = isByName && !(isByState && countOf(statements, filter) <= FEW_JOBS)
    ? nameSources(statements, filter)
    : isByState
    ? stateSources(statements, filter)
    : [ALL];
  return sources.length > MAX_SOURCES ? [ALL] : sources;
}

/** Returns the number of jobs in the states and queues of a filter. */
function countOf(statements: Statements, { states, queues }: JobFilter): number {
  const places = (states ?? JOB_STATES).flatMap((it) => placesOf(it));
  const row = statements.get<{ jobs: number | null }>(
    `select sum(jobs) as jobs from counter where place ${IN_LIST}
      and (?2 is null or queue in (select value from json_each(?2)))`,
    JSON.stringify(places),
    queues === undefined ? null : JSON.stringify(queues),
  );
  return row?.jobs ?? 0;
}

function nameSources(statements: Statements, { kinds, names }: JobFilter): Condition[] {
  const from = "from job indexed by job_name where";
  return (kinds ?? distinct(statements, "kind", { sql: `${from} 1 = 1`, cells: [] }))
    .flatMap((kind) => {
      const all = { sql: `${from} kind = ?`, cells: [kind] };
      return (names ?? distinct(statements, "name", all)).map((name) => ({
        sql: `select job.seq ${from} kind = ? and name = ?`,
        cells: [kind, name],
      }));
    });
}

function stateSources(statements: Statements, { states, queues }: JobFilter): Source[] {
  const named = new Set(
    queues ?? distinct(statements, "queue", { sql: "from counter where 1 = 1", cells: [] }),
  );
  const places = [...new Set<JobState>(states ?? JOB_STATES)].flatMap((it) => placesOf(it));
  return places.flatMap((place): Source[] => {
    if (place === PLACE.running) {
      const sql = `select job.seq from running ${THEN_JOB} running.seq where 1 = 1`;
      return [{ sql, cells: [], seq: "running.seq" }];
    }
    if (place === PLACE.ready) return readySources(statements, named);
    // Literals, since an index with a condition is used only where SQLite can prove it.
    const sql = `select job.seq from job where queue = ? and place = ${place}
      and place not in (0, 4)`;
    return [...named].map((queue) => ({ sql, cells: [queue] }));
  });
}

/** Returns the values of a column of an index, without reading the rows between them. */
function distinct(statements: Statements, column: string, { sql, cells }: Condition): string[] {
  const found: string[] = [];
  let last = "";
  while (found.length <= MAX_SOURCES) {
    const [row] = statements.cells(
      `select ${column} ${sql} and ${column} > ? order by ${column} limit 1`,
      ...cells,
      last,
    );
    if (row === undefined) break;
    last = String(row[0]);
    found.push(last);
  }
  return found;
}

/**
 * Ready jobs are indexed in the order of claims only, so that a submission writes one index less.
 * Within a pool, a queue and a priority that is the order of a list, unless they have ranks: those
 * have an index of their own.
 */
function readySources(
  statements: Statements,
  queues: ReadonlySet<string>,
): Condition[] {
  const sources = statements.all<{ name: string }>(
    "select name from queue where fair_by is not null",
  ).filter(({ name }) => queues.has(name)).map(({ name }): Condition => ({
    sql: `select job.seq from job where queue = ? and place = ${PLACE.ready} and rank > 0
      and place < 6`,
    cells: [name],
  }));
  const next = <T>(column: string, where: string, ...cells: Cell[]): T | undefined => {
    const order = column === "priority" ? "priority desc" : column;
    const [row] = statements.cells(
      `select ${column} from job where place = ${PLACE.ready} and ${where} order by ${order}
      limit 1`,
      ...cells,
    );
    return row?.[0] as T | undefined;
  };
  // Steps from one combination to the next, without reading the jobs between them.
  let pool = next<string>("pool", "pool > ?", "");
  while (pool !== undefined) {
    let queue = next<string>("queue", "pool = ? and queue > ?", pool, "");
    while (queue !== undefined) {
      const within = "pool = ? and queue = ? and priority < ?";
      let priority = queues.has(queue)
        ? next<number>("priority", within, pool, queue, 1e9)
        : undefined;
      while (priority !== undefined) {
        sources.push({
          sql: `select job.seq from job where place = ${PLACE.ready} and pool = ? and queue = ?
            and priority = ? and rank = 0`,
          cells: [pool, queue, priority],
        });
        priority = next<number>("priority", within, pool, queue, priority);
      }
      queue = next<string>("queue", "pool = ? and queue > ?", pool, queue);
    }
    pool = next<string>("pool", "pool > ?", pool);
  }
  return sources;
}
