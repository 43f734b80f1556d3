import { JOB_STATES } from "../../store/jobs/job_row.ts";
import type { JobFilter, JobState } from "../../store/mod.ts";
import { JOB_CELLS } from "../schema/mod.ts";
import { PLACE, placesOf } from "../schema/mod.ts";
import type { Cell, ListAsk, PackedPage } from "../messages/mod.ts";
import type { Statements } from "../writer/mod.ts";
import { IN_LIST } from "../writer/mod.ts";

/** The cells of a job, then those of its claim, with the tables that they come from. */
export const JOB_AND_RUN = `${
  JOB_CELLS.map((it) =>
    it === "progress" ? "coalesce(running.progress, job.progress)" : `job.${it}`
  )
    .join(", ")
}, running.holder, running.lease_until, running.started_at, running.worker
  from job left join running on running.seq = job.seq`;

/** The most indexes that are merged for a page; above it, the table is read in order. */
const MAX_SOURCES = 256;

/** A part of a `where`, with its values. */
interface Condition {
  readonly sql: string;
  readonly cells: readonly Cell[];
}

/** Reads a page of jobs, the last submitted first. */
export function list(statements: Statements, { filter, before, limit }: ListAsk): PackedPage {
  const bounds = seqBounds(statements, filter, before);
  const rest = restOf(filter);
  const sources = sourcesOf(statements, filter);
  // One more than the page shows whether more follow.
  const found = sources.flatMap((source) =>
    statements.cells(
      `${source.sql} and job.seq < ? and job.seq >= ? ${rest.sql} order by job.seq desc limit ?`,
      ...source.cells,
      bounds.below,
      bounds.from,
      ...rest.cells,
      limit + 1,
    ).map(([seq]) => seq as number)
  );
  const seqs = found.sort((a, b) => b - a).slice(0, limit + 1);
  const page = seqs.slice(0, limit);
  const rows = statements.cells(
    `select ${JOB_AND_RUN} where job.seq ${IN_LIST} order by job.seq desc`,
    `[${page.join(",")}]`,
  );
  return { rows, next: seqs.length > limit ? page[page.length - 1] ?? null : null };
}

/** Returns the bounds of a page. Jobs that were submitted later have higher numbers and times. */
function seqBounds(
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
function restOf({ kinds, names, queues, states, tags }: JobFilter): Condition {
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

const ALL: Condition = { sql: "select job.seq from job where 1 = 1", cells: [] };

/** Returns statements, each of which reads its jobs in the order of an index. */
function sourcesOf(statements: Statements, filter: JobFilter): Condition[] {
  const { tags, states, queues } = filter;
  const [tag] = tags ?? [];
  if (tag !== undefined) {
    const sql = "select job.seq from job_tag join job on job.seq = job_tag.seq where tag = ?";
    return [{ sql: sql.replace("job.seq from", "job_tag.seq from"), cells: [tag] }];
  }
  if (states === undefined && queues === undefined) return [ALL];
  const named = queues ??
    statements.all<{ queue: string }>("select distinct queue from counter").map((it) => it.queue);
  const places = [...new Set<JobState>(states ?? JOB_STATES)].flatMap((it) => placesOf(it));
  if (named.length * places.length > MAX_SOURCES) return [ALL];
  return places.flatMap((place) => {
    if (place === PLACE.running) {
      const sql = "select job.seq from running join job on job.seq = running.seq where 1 = 1";
      return [{ sql, cells: [] }];
    }
    if (place === PLACE.ready) return readySources(statements, new Set(named));
    // A literal, since an index with a condition is not used for a parameter.
    const sql = `select job.seq from job where queue = ? and place = ${place}`;
    return [...new Set(named)].map((queue) => ({ sql, cells: [queue] }));
  });
}

/**
 * Ready jobs are indexed in the order of claims only, so that a submission writes one index less.
 * Within a pool, a queue and a priority that is the order of a list.
 */
function readySources(statements: Statements, queues: ReadonlySet<string>): Condition[] {
  const sources: Condition[] = [];
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
            and priority = ?`,
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
