import { IN_LIST, type WriteContext } from "../write_context.ts";
import { IS_THERE } from "./file_cells.ts";

/** Returns the index of the first of these files that does not exist; -1 if all do. */
export function missingFile(ctx: WriteContext, ids: readonly string[]): number {
  const sql = `select 1 from file where id = ? and ${IS_THERE}`;
  return ids.findIndex((id) => ctx.statements.get(sql, id, ctx.now) === undefined);
}

/** Notes the files that a job names. All of them exist. */
export function nameFiles(ctx: WriteContext, job: number, ids: readonly string[]): void {
  const list = JSON.stringify([...new Set(ids)]);
  ctx.statements.run(
    `insert into job_file (job, file) select ?, seq from file where id ${IN_LIST}`,
    job,
    list,
  );
  ctx.statements.run(`update file set uses = uses + 1 where id ${IN_LIST}`, list);
}

/** Takes jobs from the files that they name. */
export function releaseFiles(ctx: WriteContext, jobs: string): void {
  if (ctx.fileTotals.files === 0) return;
  const { statements } = ctx;
  statements.run(
    `update file set uses = uses - named.jobs from (
      select file as seq, count(*) as jobs from job_file where job ${IN_LIST} group by file
    ) as named where file.seq = named.seq`,
    jobs,
  );
  statements.run(`delete from job_file where job ${IN_LIST}`, jobs);
}

/** Takes jobs that are removed from their files: those that they name, and those they have made. */
export function partFromFiles(ctx: WriteContext, jobs: string): void {
  if (ctx.fileTotals.files === 0) return;
  releaseFiles(ctx, jobs);
  ctx.statements.run(
    `update file set job = null, expires_at = ? where job is not null and job ${IN_LIST}`,
    ctx.now,
    jobs,
  );
}
