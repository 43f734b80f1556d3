import { byteParts } from "../messages/mod.ts";
import { HOLD_ANSWERS, type PackedHolds } from "../messages/mod.ts";
import { addToLog, linesOf } from "./log.ts";
import { holdsOf, isHeld, jobsOf } from "./finish.ts";
import { addChunks, addOutputs } from "./outputs/mod.ts";
import type { WriteContext } from "./write_context.ts";

/** Extends claims. Returns the index of each answer in {@link HOLD_ANSWERS}. */
export function extend(
  ctx: WriteContext,
  { cells, bytes, logs, outputs }: PackedHolds,
): number[] {
  const holds = holdsOf(cells, outputs);
  const jobs = jobsOf(ctx, holds);
  const parts = byteParts(bytes);
  const lines = logs && linesOf(logs);
  let part = 0;
  return holds.map((hold, i) => {
    const chunks = parts.slice(part, part += hold.parts);
    const job = jobs.get(hold.seq);
    if (!isHeld(job, hold)) return HOLD_ANSWERS.indexOf("lost");
    ctx.statements.run(
      `update running set lease_until = ?, worker = coalesce(?, worker),
        progress = coalesce(?, progress) where seq = ?`,
      ctx.now + hold.leaseMs,
      hold.worker,
      hold.progress,
      hold.seq,
    );
    ctx.isChanged = true;
    if (chunks.length > 0) addChunks(ctx, job, chunks);
    if (hold.outputs !== undefined) addOutputs(ctx, job.seq, hold.outputs);
    const own = lines?.get(i);
    if (own !== undefined) addToLog(ctx, job, own);
    return HOLD_ANSWERS.indexOf(job.cancelling === 1 ? "cancelling" : "held");
  });
}
