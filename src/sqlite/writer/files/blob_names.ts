import type { WriteContext } from "../write_context.ts";

const NAME = `insert into blob (sha256, names) values (?, 1)
  on conflict (sha256) do update set names = names + 1`;
const RELEASE = "update blob set names = names - 1 where sha256 = ? returning names";

/**
 * Counts a name of a blob, in the transaction that writes the row with the name. The caller of the
 * store holds the blob until it hears of the commit.
 */
export function nameBlob(ctx: WriteContext, sha256: string): void {
  ctx.statements.run(NAME, sha256);
  ctx.unusedBlobs.delete(sha256);
}

/**
 * Takes back a name of a blob, in the transaction that removes the row with the name. A blob whose
 * last name goes is reported by the next sweep.
 */
export function releaseBlob(ctx: WriteContext, sha256: string): void {
  const names = ctx.statements.get<{ names: number }>(RELEASE, sha256)?.names ?? 0;
  if (names > 0) return;
  ctx.statements.run("delete from blob where sha256 = ?", sha256);
  ctx.unusedBlobs.add(sha256);
}
