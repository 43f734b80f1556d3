import { bodiesOf, type PackedOutputs } from "../../messages/mod.ts";
import { nameBlob, releaseBlob } from "../files/mod.ts";
import { IN_LIST, type WriteContext } from "../write_context.ts";

/** Adds parts behind those of a job, and sets its checkpoint. */
export function addOutputs(ctx: WriteContext, job: number, outputs: PackedOutputs): void {
  const { statements } = ctx;
  const { parts, checkpoint } = outputs;
  if (parts.length === 0 && checkpoint === null) return;
  const bodies = bodiesOf(outputs);
  let seq = statements.get<{ last: number }>("select last from job_outputs where job = ?", job)
    ?.last ?? 0;
  let added = 0;
  for (const [i, { items, bytes, sha256 }] of parts.entries()) {
    statements.run(
      "insert into job_output (job, seq, items, bytes, sha256, body) values (?, ?, ?, ?, ?, ?)",
      job,
      ++seq,
      items,
      bytes,
      sha256,
      sha256 === null ? bodies[i] ?? new Uint8Array() : null,
    );
    if (sha256 !== null) nameBlob(ctx, sha256);
    added += bytes;
  }
  statements.run(
    `insert into job_outputs (job, last, gone, bytes, checkpoint) values (?, ?, 0, ?, ?)
    on conflict (job) do update set last = excluded.last, bytes = bytes + excluded.bytes,
      checkpoint = coalesce(excluded.checkpoint, checkpoint)`,
    job,
    seq,
    added,
    checkpoint,
  );
  ctx.isChanged = true;
}

/** Returns the length of all outputs of a job. */
export function outputBytes({ statements }: WriteContext, job: number): number {
  return statements.get<{ bytes: number }>("select bytes from job_outputs where job = ?", job)
    ?.bytes ?? 0;
}

/** Returns the checkpoints of jobs, as JSON. */
export function checkpointsOf(
  { statements }: WriteContext,
  jobs: readonly number[],
): Map<number, string> {
  const found = statements.cells(
    `select job, checkpoint from job_outputs where job ${IN_LIST} and checkpoint is not null`,
    `[${jobs.join(",")}]`,
  );
  return new Map(found.map(([job, checkpoint]) => [job as number, checkpoint as string]));
}

/** Drops the outputs and the checkpoint of a job, which begins anew. Positions go on. */
export function dropOutputs(ctx: WriteContext, job: number): void {
  const changed = ctx.statements.run(
    "update job_outputs set gone = last, bytes = 0, checkpoint = null where job = ?",
    job,
  );
  if (changed > 0) removeParts(ctx, `[${job}]`);
}

/** Removes the outputs of jobs that are removed; `list` is JSON. */
export function removeOutputs(ctx: WriteContext, list: string): void {
  const { statements } = ctx;
  if (statements.run(`delete from job_outputs where job ${IN_LIST}`, list) > 0) {
    removeParts(ctx, list);
  }
}

function removeParts(ctx: WriteContext, list: string): void {
  const blobs = ctx.statements.all<{ sha256: string }>(
    `select sha256 from job_output where job ${IN_LIST} and sha256 is not null`,
    list,
  );
  ctx.statements.run(`delete from job_output where job ${IN_LIST}`, list);
  for (const { sha256 } of blobs) releaseBlob(ctx, sha256);
}
