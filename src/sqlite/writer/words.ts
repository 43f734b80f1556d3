import { errorWords } from "../../store/jobs/job_search.ts";
import type { JobError } from "../../store/mod.ts";
import type { WriteContext } from "./write_context.ts";

/** Writes the words of the error of a job, in place of those of the error before. */
export function setWords(
  ctx: WriteContext,
  seq: number,
  { before, after }: { readonly before: string | null; readonly after: string | null },
): void {
  if (before === after) return;
  if (before !== null) ctx.statements.run("delete from job_word where seq = ?", seq);
  if (after === null) return;
  ctx.statements.run(
    "insert into job_word (seq, word) select ?, value from json_each(?)",
    seq,
    JSON.stringify(errorWords(JSON.parse(after) as JobError)),
  );
}
