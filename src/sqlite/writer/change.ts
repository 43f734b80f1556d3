import type { CancelAnswer, RetryAnswer } from "../../store/mod.ts";
import { isEnd, PLACE } from "../schema/mod.ts";
import { releaseBlob } from "./files/mod.ts";
import {
  admit,
  counted,
  endJob,
  FACTS,
  type JobFacts,
  joinKeys,
  leave,
  moved,
} from "./job_moves.ts";
import { dropOutputs } from "./outputs/mod.ts";
import { giveRank, rankAgain, takeRank } from "./ranks.ts";
import type { WriteContext } from "./write_context.ts";

interface Waiting extends JobFacts {
  readonly error: string | null;
}

function find(ctx: WriteContext, id: string): Waiting | undefined {
  return ctx.statements.get<Waiting>(`select ${FACTS}, job.error from job where id = ?`, id);
}

/** Cancels jobs, each by itself. */
export function cancel(
  ctx: WriteContext,
  { ids, reason }: { readonly ids: readonly string[]; readonly reason: string | null },
): CancelAnswer[] {
  const { statements } = ctx;
  return ids.map((id) => {
    const job = find(ctx, id);
    if (job === undefined) return { id, answer: "unknown" };
    if (isEnd(job.place)) return { id, answer: "ended" };
    // The first reason stays.
    statements.run(
      "update job set cancel_reason = coalesce(cancel_reason, ?) where seq = ?",
      reason ?? "",
      job.seq,
    );
    ctx.isChanged = true;
    if (job.place === PLACE.running) {
      statements.run("update running set cancelling = 1 where seq = ?", job.seq);
      return { id, answer: "cancelling" };
    }
    takeRank(ctx, job);
    endJob(ctx, job, { place: PLACE.cancelled, attempt: job.attempt, error: job.error });
    return { id, answer: "cancelled" };
  });
}

/** Makes jobs available that have ended, or wait for their time. */
export function retry(
  ctx: WriteContext,
  { ids }: { readonly ids: readonly string[] },
): RetryAnswer[] {
  return ids.map((id) => {
    const job = find(ctx, id);
    if (job === undefined) return { id, answer: "unknown" };
    if (job.place === PLACE.running) return { id, answer: "running" };
    if (isEnd(job.place) && ctx.queues.find(job.queue)?.draining === 1) {
      return { id, answer: "draining" };
    }
    // An available one is where a retry would bring it.
    if (counted(job.place) !== PLACE.ready) retryOne(ctx, job);
    return { id, answer: "retried" };
  });
}

/** Takes back what an end has set. */
const DROP_END = `, start_by = null, finished_at = null, remove_at = null, cancel_reason = null,
  error = null, progress = null, result_bytes = null, result = null,
  holder = null, worker = null, rank = ?`;

function retryOne(ctx: WriteContext, job: Waiting): void {
  const { statements, now } = ctx;
  if (isEnd(job.place)) {
    keepEnd(ctx, job);
    ctx.words.change(job.seq, job.error, null);
    joinKeys(ctx, job, false);
    if (job.place === PLACE.completed) {
      dropResult(ctx, job.seq);
      dropOutputs(ctx, job.seq);
    }
  } else {
    leave(ctx, job);
  }
  const place = admit(ctx, job);
  const ended = isEnd(job.place);
  if (!ended) giveRank(ctx, job);
  statements.run(
    `update job set place = ?, run_at = ?, max_attempts = max(max_attempts, attempt + 1)
      ${ended ? DROP_END : ""} where seq = ?`,
    place,
    now,
    ...(ended ? [rankAgain(ctx, job)] : []),
    job.seq,
  );
  moved(ctx, job, place);
}

/** Keeps what followed from the row of an ended job: its end, and the attempt that completed it. */
function keepEnd(ctx: WriteContext, job: JobFacts): void {
  ctx.statements.run(
    `insert into event (job, seq, at, place)
    select seq, event_seq, finished_at, place from job where seq = ?`,
    job.seq,
  );
  if (job.place !== PLACE.completed) return;
  ctx.statements.run(
    `insert into attempt
    select seq, run, attempt, 'completed', started_at, finished_at, holder, worker, null, null
    from job where seq = ? on conflict (seq, run) do nothing`,
    job.seq,
  );
}

function dropResult(ctx: WriteContext, seq: number): void {
  ctx.statements.run("delete from job_result where seq = ?", seq);
  const blob = ctx.statements.get<{ sha256: string }>(
    "delete from job_blob where seq = ? returning sha256",
    seq,
  );
  if (blob !== undefined) releaseBlob(ctx, blob.sha256);
}
