import type { FileRow } from "../../../store/mod.ts";
import type { Cell, Statements } from "../statements.ts";

/** The cells of a file, with the tables that they come from. */
export const FILE_CELLS = `file.id, file.name, file.media_type, file.bytes, file.sha256,
  file.created_at, file.expires_at, job.id, file.seq
  from file left join job on job.seq = file.job`;

/** The condition of a file that exists at the time which is its value. */
export const IS_THERE = "(file.uses > 0 or coalesce(file.expires_at > ?, true))";

/** Returns the file of cells in the order of {@link FILE_CELLS}. */
export function fileRowOf(cells: readonly Cell[]): FileRow {
  const [id, name, mediaType, bytes, sha256, createdAt, expiresAt, job] = cells;
  return {
    id: String(id),
    name: String(name),
    ...(typeof mediaType === "string" && { mediaType }),
    bytes: Number(bytes),
    sha256: String(sha256),
    createdAt: Number(createdAt),
    ...(typeof expiresAt === "number" && { expiresAt }),
    ...(typeof job === "string" && { job }),
  };
}

/** Reads files by their ids; null for one that does not exist. */
export function filesOf(
  statements: Statements,
  ids: readonly string[],
  now: number,
): (FileRow | null)[] {
  return ids.map((id) => {
    const [cells] = statements.cells(
      `select ${FILE_CELLS} where file.id = ? and ${IS_THERE}`,
      id,
      now,
    );
    return cells === undefined ? null : fileRowOf(cells);
  });
}
