import type { OutputPage } from "../messages/mod.ts";
import { isEnd } from "../schema/mod.ts";
import type { StoredOutput } from "../../store/mod.ts";
import type { Statements } from "../writer/mod.ts";

/** The most parts, and about the most bytes, of one page. */
const MAX_PARTS = 256;
const MAX_BYTES = 4 * 1024 * 1024;

interface Owner {
  readonly seq: number;
  readonly place: number;
  readonly last: number | null;
  readonly gone: number | null;
}

interface PartRow {
  readonly seq: number;
  readonly items: number;
  readonly bytes: number;
  readonly sha256: string | null;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** Reads outputs of a job behind `after`. */
export function outputsOf(
  statements: Statements,
  { id, after }: { readonly id: string; readonly after: number },
): OutputPage {
  const job = statements.get<Owner>(
    `select seq, place, last, gone from job left join job_outputs on job_outputs.job = job.seq
    where id = ?`,
    id,
  );
  if (job === undefined) return { parts: [], hasMore: false, isOver: true };
  const gone = job.gone ?? 0;
  const parts: StoredOutput[] = [];
  if (after < gone) parts.push({ kind: "reset", seq: gone });
  let at = Math.max(after, gone);
  const last = job.last ?? 0;
  let bytes = 0;
  while (parts.length < MAX_PARTS && bytes < MAX_BYTES && at < last) {
    const row = statements.get<PartRow>(
      `select seq, items, bytes, sha256, body from job_output where job = ? and seq > ?
      order by seq limit 1`,
      job.seq,
      at,
    );
    if (row === undefined) break;
    at = row.seq;
    bytes += row.body?.byteLength ?? 0;
    parts.push(partOf(row));
  }
  const hasMore = at < last && parts.length > 0;
  return { parts, hasMore, isOver: isEnd(job.place) && !hasMore };
}

/** Returns true if a job has outputs, perhaps none at all. */
export function hasOutputs(statements: Statements, job: number): boolean {
  return statements.get("select 1 from job_outputs where job = ?", job) !== undefined;
}

function partOf({ seq, items, bytes, sha256, body }: PartRow): StoredOutput {
  const rest = { kind: "part", seq, items } as const;
  return sha256 === null
    ? { ...rest, body: body ?? new Uint8Array() }
    : { ...rest, body: { sha256, bytes } };
}
