import { JOB_CELLS } from "../schema/mod.ts";
import type { ListAsk, PackedIds, PackedPage } from "../messages/mod.ts";
import type { Statements } from "../writer/mod.ts";
import { IN_LIST } from "../writer/mod.ts";
import { search } from "./search.ts";
import { type Found, lastOf, restOf, seqBounds, sourcesOf } from "./sources.ts";

/** The cells of a job, then those of its claim, with the tables that they come from. */
export const JOB_AND_RUN = `${
  JOB_CELLS.map((it) =>
    it === "progress" ? "coalesce(running.progress, job.progress)" : `job.${it}`
  )
    .join(", ")
}, running.holder, running.lease_until, running.started_at, running.worker
  from job left join running on running.seq = job.seq`;

/** Reads a page of jobs, the last submitted first. */
export function list(statements: Statements, ask: ListAsk): PackedPage {
  const { seqs, next } = found(statements, ask);
  const rows = statements.cells(
    `select ${JOB_AND_RUN} where job.seq ${IN_LIST} order by job.seq desc`,
    `[${seqs.join(",")}]`,
  );
  return { rows, next };
}

/** Reads the ids of a page of jobs, the last submitted first. */
export function listIds(statements: Statements, ask: ListAsk): PackedIds {
  const { seqs, next } = found(statements, ask);
  const rows = statements.cells(
    `select id from job where seq ${IN_LIST} order by seq desc`,
    `[${seqs.join(",")}]`,
  );
  return { ids: rows.map(([id]) => String(id)), next };
}

function found(statements: Statements, ask: ListAsk): Found {
  const { filter, before, limit } = ask;
  if (filter.text !== undefined) return search(statements, ask);
  const bounds = seqBounds(statements, filter, before);
  const rest = restOf(filter);
  const sources = sourcesOf(statements, filter);
  // One more than the page shows whether more follow.
  const merged = sources.flatMap((source) =>
    lastOf(statements, source, { ...bounds, limit: limit + 1, rest })
  );
  const seqs = merged.sort((a, b) => b - a).slice(0, limit + 1);
  const page = seqs.slice(0, limit);
  return { seqs: page, next: seqs.length > limit ? page[page.length - 1] ?? null : null };
}
