import type { Ended } from "../../store/mod.ts";
import { afterLoss, expiredError } from "../../store/jobs/job_transition.ts";
import { PLACE, placeOf, stateOf } from "../schema/mod.ts";
import type { SweptJobs, WriteOps } from "../messages/mod.ts";
import { partFromFiles, releaseBlob, sweepFiles } from "./files/mod.ts";
import { addAttempt, goOn, jsonOf, RUNNING, type RunningJob } from "./finish.ts";
import { admit, endJob, FACTS, type JobFacts, moved } from "./job_moves.ts";
import { removeOutputs } from "./outputs/mod.ts";
import { endFairness, giveRank, takeRank } from "./ranks.ts";
import { IN_LIST, type WriteContext } from "./write_context.ts";

/** The most jobs of one kind of work in a sweep. Claims wait until it is done. */
const SLICE = 500;

/** Does a part of what time asks for. */
export function sweep(
  ctx: WriteContext,
  { pinned }: WriteOps["sweep"]["ask"],
): Omit<SweptJobs, "unusedBlobs"> {
  const ended = runDue(ctx);
  const lost = lose(
    ctx,
    ctx.statements.all<RunningJob>(
      `select ${RUNNING} from running join job using (seq) where lease_until <= ?
      order by lease_until limit ${SLICE}`,
      ctx.now,
    ),
  );
  const removed = remove(ctx);
  const hasFiles = sweepFiles(ctx, pinned);
  const keys = ctx.statements.run(
    `delete from idempotency where key in (
      select key from idempotency where expires_at <= ? order by expires_at limit ${SLICE})`,
    ctx.now,
  );
  ctx.keys.sweep(ctx.now);
  if (ctx.fair.sweep(SLICE)) ctx.isChanged = true;
  endFairness(ctx);
  if (keys > 0) ctx.isChanged = true;
  return {
    ended: [...ended, ...lost.ended],
    lost: lost.lost,
    removed,
    hasMore: lost.lost === SLICE || removed === SLICE || keys === SLICE ||
      hasFiles || ctx.dueAt <= ctx.now || ctx.expiryAt <= ctx.now,
  };
}

/** Ends claims of a holder that is dead. */
export function abandon(ctx: WriteContext, holder: string): SweptJobs {
  const found = lose(
    ctx,
    ctx.statements.all<RunningJob>(
      `select ${RUNNING} from running join job using (seq) where running.holder = ?
      order by seq limit ${SLICE}`,
      holder,
    ),
  );
  return { ...found, removed: 0, unusedBlobs: [], hasMore: found.lost === SLICE };
}

/** Makes due jobs available, and ends expired ones. Costs nothing before the time of the first. */
export function runDue(ctx: WriteContext): Ended[] {
  const { now } = ctx;
  const ended = ctx.expiryAt <= now ? expire(ctx) : [];
  if (ctx.dueAt <= now) promote(ctx);
  if (ctx.rateAt <= now) {
    ctx.keys.freeDue(now);
    ctx.rateAt = ctx.keys.nextAt() ?? Infinity;
  }
  return ended;
}

function promote(ctx: WriteContext): void {
  const { statements } = ctx;
  const due = statements.all<JobFacts>(
    `select ${FACTS} from job where place in (3, 5) and run_at <= ? order by run_at, seq limit ${SLICE}`,
    ctx.now,
  );
  // One that could not begin may expire again.
  if (due.some(({ place }) => place === PLACE.retryable)) {
    ctx.expiryAt = Math.min(ctx.expiryAt, ctx.now);
  }
  const byPlace = new Map<number, number[]>();
  for (const job of due) {
    const place = admit(ctx, job);
    giveRank(ctx, job);
    const seqs = byPlace.get(place) ?? [];
    if (seqs.length === 0) byPlace.set(place, seqs);
    seqs.push(job.seq);
    moved(ctx, job, place);
  }
  for (const [place, seqs] of byPlace) {
    statements.run(`update job set place = ? where seq ${IN_LIST}`, place, `[${seqs.join(",")}]`);
  }
  ctx.dueAt = statements.get<{ at: number | null }>(
    "select min(run_at) as at from job where place in (3, 5)",
  )?.at ?? Infinity;
}

interface Expired extends JobFacts {
  readonly error: string | null;
  readonly start_by: number;
}

function expire(ctx: WriteContext): Ended[] {
  const { statements } = ctx;
  const from = "from job where start_by is not null and begun = 0 and place in (0, 1, 2, 3)";
  const expired = statements.all<Expired>(
    `select ${FACTS}, error, start_by ${from} and start_by <= ? order by start_by limit ${SLICE}`,
    ctx.now,
  );
  const ended = expired.map((job) => {
    const error = jsonOf(expiredError(job.start_by));
    takeRank(ctx, job);
    ctx.words.change(job.seq, job.error, error);
    const state = endJob(ctx, job, { place: PLACE.discarded, attempt: job.attempt, error });
    return { id: job.id, state };
  });
  ctx.expiryAt = statements.get<{ at: number | null }>(
    `select min(start_by) as at ${from}`,
  )?.at ?? Infinity;
  return ended;
}

function lose(
  ctx: WriteContext,
  jobs: readonly RunningJob[],
): { readonly ended: Ended[]; readonly lost: number } {
  const ended: Ended[] = [];
  for (const job of jobs) {
    const { attempt, max_attempts: maxAttempts, run, holder, cancelling } = job;
    const isCancelling = cancelling === 1;
    const next = afterLoss({ attempt, maxAttempts, run, holder, isCancelling });
    const error = next.error === "same" ? job.error : jsonOf(next.error);
    const { worker } = job;
    addAttempt(ctx, job, { outcome: "lost", worker, error, exit: null });
    const place = goOn(ctx, job, {
      place: placeOf(next.state),
      attempt: next.attempt,
      error,
      nonce: null,
      progress: job.progress,
      hasBegun: true,
    });
    if (place >= PLACE.completed) ended.push({ id: job.id, state: stateOf(place) });
  }
  if (jobs.length > 0) {
    const list = `[${jobs.map((it) => it.seq).join(",")}]`;
    ctx.statements.run(`delete from running where seq ${IN_LIST}`, list);
  }
  return { ended, lost: jobs.length };
}

interface Removed {
  readonly seq: number;
  readonly queue: string;
  readonly place: number;
  readonly error: string | null;
}

function remove(ctx: WriteContext): number {
  const { statements } = ctx;
  const jobs = statements.all<Removed>(
    `select seq, queue, place, error from job where remove_at <= ? order by remove_at limit ${SLICE}`,
    ctx.now,
  );
  if (jobs.length === 0) return 0;
  const list = `[${jobs.map((it) => it.seq).join(",")}]`;
  // The key of a removed job goes on to answer with its last state.
  statements.run(
    `update idempotency set place = (select place from job where job.seq = idempotency.seq)
    where seq ${IN_LIST}`,
    list,
  );
  statements.run(
    `delete from job_tag where (tag, seq) in (select tags.value, job.seq from job,
      json_each(job.tags) as tags where job.tags is not null and job.seq ${IN_LIST})`,
    list,
  );
  const blobs = statements.all<{ sha256: string }>(
    `delete from job_blob where seq ${IN_LIST} returning sha256`,
    list,
  );
  for (const { sha256 } of blobs) releaseBlob(ctx, sha256);
  partFromFiles(ctx, list);
  for (const { seq, error } of jobs) ctx.words.change(seq, error, null);
  for (const table of ["attempt", "job_args", "job_result", "job"]) {
    statements.run(`delete from ${table} where seq ${IN_LIST}`, list);
  }
  for (const table of ["event", "job_log", "job_log_part"]) {
    statements.run(`delete from ${table} where job ${IN_LIST}`, list);
  }
  removeOutputs(ctx, list);
  for (const { queue, place } of jobs) ctx.counters.add(queue, place, -1);
  ctx.isChanged = true;
  return jobs.length;
}
