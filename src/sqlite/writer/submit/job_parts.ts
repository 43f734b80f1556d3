import type { WriteContext } from "../write_context.ts";

/** Arguments and results up to this length are in the row of the job, longer ones beside it. */
export const INLINE_BYTES = 1_024;

export function putArgs(ctx: WriteContext, seq: number, args: Uint8Array): void {
  ctx.statements.run(
    "insert into job_args (seq, body) values (?, ?) " +
      "on conflict (seq) do update set body = excluded.body",
    seq,
    args,
  );
}

export function addTags(ctx: WriteContext, seq: number, tags: string): void {
  ctx.statements.run(
    "insert into job_tag (tag, seq) select distinct value, ? from json_each(?)",
    seq,
    tags,
  );
}
