import type { JsonObject, QueueToDeclare } from "../../store/mod.ts";
import { fairKey } from "../../store/jobs/fairness.ts";
import type { FairLane } from "./keys/mod.ts";
import type { JobFacts } from "./job_moves.ts";
import type { WriteContext } from "./write_context.ts";

interface Ranked {
  readonly rank: number;
  readonly priority: number;
  readonly metadata: string | null;
}

/** Returns the rank of a job that has become available in a queue that is shared by `fairBy`. */
export function newRank(
  ctx: WriteContext,
  fairBy: string,
  { lane, metadata }: { readonly lane: FairLane; readonly metadata: string | null },
): number {
  return ctx.fair.rankOf(lane, keyOf(fairBy, metadata));
}

/**
 * Gives a stored job a rank that has become available in a queue that is shared by a key, unless it
 * has one. It must not be among the available jobs yet.
 */
export function giveRank(
  ctx: WriteContext,
  { seq, queue, pool }: Pick<JobFacts, "seq" | "queue" | "pool">,
): void {
  const fairBy = ctx.queues.find(queue)?.fair_by ?? null;
  if (fairBy === null) return;
  const job = find(ctx, seq);
  if (job === undefined || job.rank > 0) return;
  const { priority, metadata } = job;
  const rank = newRank(ctx, fairBy, { lane: { queue, pool, priority }, metadata });
  ctx.statements.run("update job set rank = ? where seq = ?", rank, seq);
}

/** Returns the rank of a job that has ended and becomes available again. */
export function rankAgain(
  ctx: WriteContext,
  { seq, queue, pool }: Pick<JobFacts, "seq" | "queue" | "pool">,
): number {
  const fairBy = ctx.queues.find(queue)?.fair_by ?? null;
  const job = fairBy === null ? undefined : find(ctx, seq);
  if (fairBy === null || job === undefined) return 0;
  const { priority, metadata } = job;
  return newRank(ctx, fairBy, { lane: { queue, pool, priority }, metadata });
}

/** Takes the rank of a job that leaves its lane, and gives its key the turn back. */
export function takeRank(
  ctx: WriteContext,
  { seq, queue, pool }: Pick<JobFacts, "seq" | "queue" | "pool">,
): void {
  const fairBy = ctx.queues.find(queue)?.fair_by ?? null;
  if (fairBy === null) return;
  const job = find(ctx, seq);
  if (job === undefined || job.rank === 0) return;
  const { priority, metadata, rank } = job;
  ctx.fair.giveBack({ queue, pool, priority }, keyOf(fairBy, metadata), rank);
  ctx.statements.run("update job set rank = 0 where seq = ?", seq);
}

/** Makes queues known. The keys of a queue that is shared by another path are forgotten. */
export function declareQueues(ctx: WriteContext, queues: readonly QueueToDeclare[]): void {
  const before = ctx.queues.fair();
  ctx.queues.declare(queues);
  for (const { name, fair_by: fairBy } of before) {
    if (ctx.queues.find(name)?.fair_by !== fairBy) ctx.fair.forgetKeys(name);
  }
  endFairness(ctx);
}

/** Ends the ranks of queues that no key shares any more, and that have no jobs with one. */
export function endFairness(ctx: WriteContext): void {
  for (const queue of ctx.queues.fair()) {
    if (queue.fair_by !== "") continue;
    const places = "(0, 1, 2, 3, 4, 5)";
    const hasRanked = ctx.statements.get(
      `select 1 from job where queue = ? and place in ${places} and rank > 0 and place < 6 limit 1`,
      queue.name,
    ) !== undefined;
    if (hasRanked) continue;
    ctx.fair.forget(queue.name);
    ctx.queues.endFairness(queue);
    ctx.isChanged = true;
  }
}

function find(ctx: WriteContext, seq: number): Ranked | undefined {
  return ctx.statements.get<Ranked>("select rank, priority, metadata from job where seq = ?", seq);
}

function keyOf(fairBy: string, metadata: string | null): string {
  return fairKey(fairBy, metadata === null ? {} : JSON.parse(metadata) as JsonObject);
}
