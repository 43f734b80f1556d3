import { linesBehind, type LogPart } from "../../store/jobs/job_logs.ts";
import { isEnd } from "../schema/mod.ts";
import type { LogPage } from "../messages/mod.ts";
import type { Statements } from "../writer/mod.ts";

/** The most parts, and about the most bytes, of one page. */
const MAX_PARTS = 256;
const MAX_BYTES = 64 * 1024;

interface Owner {
  readonly seq: number;
  readonly place: number;
  readonly lines: number | null;
  readonly left_out: number | null;
}

const OWNER = `select seq, place, lines, left_out from job left join job_log
  on job_log.job = job.seq where id = ?`;

/** Returns the number of the last line of a job. */
export function lastLineOf(statements: Statements, id: string): number {
  const job = statements.get<Owner>(OWNER, id);
  return job === undefined ? 0 : lastOf(job);
}

function lastOf({ lines, left_out: leftOut }: Owner): number {
  return (lines ?? 0) + ((leftOut ?? 0) > 0 ? 1 : 0);
}

/** Reads lines of the log of a job behind `after`. */
export function logsOf(
  statements: Statements,
  { id, after }: { readonly id: string; readonly after: number },
): LogPage {
  const job = statements.get<Owner>(OWNER, id);
  if (job === undefined) return { parts: [], isReset: false, hasMore: false, isOver: true };
  const last = lastOf(job);
  const isReset = after > last;
  const parts: LogPart[] = [];
  let bytes = 0;
  let at = isReset ? 0 : after;
  while (at < last && parts.length < MAX_PARTS && bytes < MAX_BYTES) {
    const row = statements.get<LogPart>(
      `select first, lines, run, body from job_log_part where job = ? and first <= ?
      order by first desc limit 1`,
      job.seq,
      at + 1,
    );
    const part = row && linesBehind(row, at);
    if (part === undefined) break;
    at = part.first + part.lines - 1;
    bytes += part.body.byteLength;
    parts.push({ first: part.first, lines: part.lines, run: part.run, body: part.body });
  }
  const hasMore = at < last && parts.length > 0;
  return { parts, isReset, hasMore, isOver: !hasMore && isEnd(job.place) };
}
