import type { SubmitAnswer } from "../../../store/mod.ts";
import { PLACE, stateOf } from "../../schema/mod.ts";
import { settingsOf } from "../job_moves.ts";
import type { WriteContext } from "../write_context.ts";
import type { Submission } from "./submission.ts";

/** Returns the answer for the key, or the id, of an earlier submission. */
export function findSame(
  ctx: WriteContext,
  { id, idem, hash }: Submission,
): SubmitAnswer | undefined {
  if (idem !== null) return findEarlier(ctx, idem, hash);
  return hash === null ? undefined : findOwner(ctx, id, hash);
}

interface KeptKey {
  readonly hash: string;
  readonly expires_at: number;
  readonly id: string;
  readonly place: number;
  readonly created_at: number;
  readonly run_at: number;
}

function findEarlier(
  ctx: WriteContext,
  key: string,
  hash: string | null,
): SubmitAnswer | undefined {
  // Of a job that was removed, the row of the key has kept what an answer needs.
  const row = ctx.statements.get<KeptKey>(
    `select hash, expires_at, idempotency.id, coalesce(job.place, idempotency.place) as place,
      coalesce(job.created_at, idempotency.created_at) as created_at,
      coalesce(job.run_at, idempotency.run_at) as run_at
    from idempotency left join job on job.seq = idempotency.seq where key = ?`,
    key,
  );
  if (row === undefined || row.expires_at <= ctx.now) return undefined;
  return {
    answer: row.hash === hash ? "existing" : "conflict",
    id: row.id,
    state: stateOf(row.place),
    createdAt: row.created_at,
    runAt: row.run_at,
  };
}

interface Owner {
  readonly place: number;
  readonly created_at: number;
  readonly run_at: number;
  readonly settings: string;
}

/** Returns the answer for an id that the caller has chosen, and a job has. */
function findOwner(ctx: WriteContext, id: string, hash: string): SubmitAnswer | undefined {
  const row = ctx.statements.get<Owner>(
    "select place, created_at, run_at, settings from job where id = ?",
    id,
  );
  if (row === undefined) return undefined;
  return {
    answer: settingsOf(row.settings).idHash === hash ? "existing" : "conflict",
    id,
    state: stateOf(row.place),
    createdAt: row.created_at,
    runAt: row.run_at,
  };
}

export function keepKey(
  ctx: WriteContext,
  it: Submission,
  job: Omit<SubmitAnswer, "answer">,
  seq = -1,
): void {
  const found = seq >= 0
    ? seq
    : ctx.statements.get<{ seq: number }>("select seq from job where id = ?", job.id)?.seq ?? 0;
  ctx.statements.run(
    `insert into idempotency (key, hash, expires_at, seq, id, place, created_at, run_at)
    values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (key) do update set hash = excluded.hash,
      expires_at = excluded.expires_at, seq = excluded.seq, id = excluded.id,
      place = excluded.place, created_at = excluded.created_at, run_at = excluded.run_at`,
    it.idem,
    it.hash,
    ctx.now + (it.idemTtlMs ?? 0),
    found,
    job.id,
    PLACE.ready,
    job.createdAt,
    job.runAt,
  );
}
