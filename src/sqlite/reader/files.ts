import type { FilesAsk, PackedFiles } from "../messages/mod.ts";
import { FILE_CELLS, fileRowOf, IS_THERE, type Statements } from "../writer/mod.ts";

/** Reads a page of files, the last added first. */
export function listFiles(
  statements: Statements,
  { job, before, limit }: FilesAsk,
  now: number,
): PackedFiles {
  const of = job === null ? "" : "and file.job = (select seq from job where id = ?)";
  const cells = job === null ? [] : [job];
  // One more than the page shows whether more follow.
  const rows = statements.cells(
    `select ${FILE_CELLS} where file.seq < ? and ${IS_THERE} ${of}
    order by file.seq desc limit ?`,
    before ?? Number.MAX_SAFE_INTEGER,
    now,
    ...cells,
    limit + 1,
  );
  const page = rows.slice(0, limit);
  return {
    rows: page.map(fileRowOf),
    next: rows.length > limit ? Number(page.at(-1)?.[8]) : null,
  };
}

/** Returns a job that names a file. */
export function jobOfFile(statements: Statements, id: string): string | null {
  const row = statements.get<{ id: string }>(
    `select job.id from file join job_file on job_file.file = file.seq
      join job on job.seq = job_file.job where file.id = ? order by job.seq desc limit 1`,
    id,
  );
  return row?.id ?? null;
}
