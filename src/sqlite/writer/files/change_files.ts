import { checkQuota, noJobOfFile, takenFileId } from "../../../store/jobs/files/file_errors.ts";
import type { FileRow, NewFile } from "../../../store/mod.ts";
import type { RemovedFile } from "../../messages/mod.ts";
import { nameBlob, releaseBlob } from "./blob_names.ts";
import { IN_LIST, type WriteContext } from "../write_context.ts";
import { IS_THERE } from "./file_cells.ts";

/** The most files that one sweep removes. */
const SLICE = 500;

/** Adds a file. */
export function addFile(ctx: WriteContext, file: NewFile): FileRow {
  const { statements, now } = ctx;
  const { id, name, mediaType, bytes, sha256, kept } = file;
  if (statements.get("select 1 from file where id = ?", id) !== undefined) throw takenFileId(id);
  const job = "job" in kept
    ? statements.get<{ seq: number }>("select seq from job where id = ?", kept.job)
    : undefined;
  if ("job" in kept && job === undefined) throw noJobOfFile(kept.job);
  checkQuota(file, ctx.fileTotals);
  const expiresAt = "job" in kept ? undefined : now + kept.ttlMs;
  statements.run(
    `insert into file (id, name, media_type, bytes, sha256, created_at, expires_at, job, uses)
    values (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
    id,
    name,
    mediaType ?? null,
    bytes,
    sha256,
    now,
    expiresAt ?? null,
    job?.seq ?? null,
  );
  nameBlob(ctx, sha256);
  ctx.fileTotals.add(1, bytes);
  ctx.isChanged = true;
  return {
    id,
    name,
    ...(mediaType !== undefined && { mediaType }),
    bytes,
    sha256,
    createdAt: now,
    ...(expiresAt !== undefined && { expiresAt }),
    ...("job" in kept && { job: kept.job }),
  };
}

interface Removable {
  readonly seq: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Removes a file, unless a job names it. */
export function removeFile(ctx: WriteContext, id: string): RemovedFile {
  const file = ctx.statements.get<Removable & { readonly uses: number }>(
    `select seq, bytes, sha256, uses from file where id = ? and ${IS_THERE}`,
    id,
    ctx.now,
  );
  if (file === undefined) return "unknown";
  if (file.uses > 0) return "in_use";
  drop(ctx, [file]);
  return "removed";
}

/** Removes files whose time is over, except pinned ones. Returns true if there may be more. */
export function sweepFiles(ctx: WriteContext, pinned: readonly string[]): boolean {
  if (ctx.fileTotals.files === 0) return false;
  const due = ctx.statements.all<Removable>(
    `select seq, bytes, sha256 from file where expires_at <= ? and uses = 0
      and id not ${IN_LIST} order by expires_at limit ${SLICE}`,
    ctx.now,
    JSON.stringify(pinned),
  );
  drop(ctx, due);
  return due.length === SLICE;
}

function drop(ctx: WriteContext, files: readonly Removable[]): void {
  if (files.length === 0) return;
  const list = `[${files.map((it) => it.seq).join(",")}]`;
  ctx.statements.run(`delete from file where seq ${IN_LIST}`, list);
  let bytes = 0;
  for (const it of files) {
    releaseBlob(ctx, it.sha256);
    bytes += it.bytes;
  }
  ctx.fileTotals.add(-files.length, -bytes);
  ctx.isChanged = true;
}
