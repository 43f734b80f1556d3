import { InvalidInputError } from "../../../errors.ts";
import type { PackedJobs, SubmitAnswers } from "../../messages/mod.ts";
import { missingFile } from "../files/mod.ts";
import { isWaiting } from "../job_moves.ts";
import type { Cell } from "../statements.ts";
import type { WriteContext } from "../write_context.ts";
import { findSame } from "./earlier.ts";
import { NO_FILES, PACKED_CELLS, readSubmission, type Submission } from "./submission.ts";

/**
 * Returns the queue because of which jobs are refused: one that drains, of a job that would be made
 * or would replace another one. Changes nothing.
 */
export function refusedBy(ctx: WriteContext, { cells }: PackedJobs): string | undefined {
  if (!ctx.queues.hasDraining) return undefined;
  for (let at = 0; at < cells.length; at += PACKED_CELLS) {
    const it = readSubmission(cells, at, NO_FILES);
    if (ctx.queues.find(it.queue)?.draining !== 1) continue;
    if (findSame(ctx, it) !== undefined) continue;
    if (!isDropped(ctx, it)) return it.queue;
  }
  return undefined;
}

/** Returns the first file that does not exist, of the jobs that no earlier submission answers. */
export function unknownFile(
  ctx: WriteContext,
  cells: readonly Cell[],
  files: NonNullable<PackedJobs["files"]>,
): SubmitAnswers["unknown"] {
  for (const [job, ids] of files) {
    const file = missingFile(ctx, ids);
    if (file < 0) continue;
    if (findSame(ctx, readSubmission(cells, job * PACKED_CELLS, ids)) !== undefined) continue;
    return { job, file, id: ids[file] ?? "" };
  }
  return undefined;
}

/** Returns true for a job that makes none, because another one has its unique key. */
function isDropped(ctx: WriteContext, { uniq, mode }: Submission): boolean {
  if (uniq === null) return false;
  const holder = ctx.statements.get<{ place: number }>(
    "select place from unique_key join job using (seq) where key = ?",
    uniq,
  );
  return holder !== undefined && (mode === "drop" || !isWaiting(holder.place));
}

/** Returns the error for ids that are in the store already; undefined if there are none. */
export function takenIds(ctx: WriteContext, { cells }: PackedJobs): Error | undefined {
  const issues: { path: string; message: string }[] = [];
  for (let i = 0, at = 0; at < cells.length; i++, at += PACKED_CELLS) {
    const { id, idem, hash } = readSubmission(cells, at, NO_FILES);
    // That of the caller is answered.
    if (idem === null && hash !== null) continue;
    if (ctx.statements.get("select 1 from job where id = ?", id) !== undefined) {
      const message = `given ${
        JSON.stringify(id)
      }, which another job has; allowed: an id of its own`;
      issues.push({ path: `jobs[${i}].id`, message });
    }
  }
  const [first] = issues;
  if (first === undefined) return undefined;
  return new InvalidInputError(`Cannot submit jobs: ${first.path}: ${first.message}`, issues);
}
