import { createHash } from "node:crypto";
import { InvalidInputError } from "../../errors.ts";
import type { FileFilter } from "./files/mod.ts";
import type { JobFilter } from "./job_filter.ts";

/** The operation that a cursor goes on with. One of another operation is refused. */
export type CursorUse = "list" | "cancel" | "retry" | "files";

const CURSOR = /^([1-9]\d{0,15})\.([\w-]{16})$/;

/** Returns the cursor of an operation on the jobs of a filter, behind the job with `seq`. */
export function jobCursor(use: CursorUse, filter: JobFilter | FileFilter, seq: number): string {
  return `${seq}.${hashOf(use, filter)}`;
}

/**
 * Returns the `seq` of a cursor.
 *
 * @throws {InvalidInputError} For a cursor of another filter or operation, or a text that is none.
 */
export function readJobCursor(
  use: CursorUse,
  filter: JobFilter | FileFilter,
  cursor: string,
): number {
  const [, seq = "", hash] = CURSOR.exec(cursor) ?? [];
  if (seq === "") throw refused(cursor, "is no cursor");
  if (hash !== hashOf(use, filter)) throw refused(cursor, "belongs to another filter");
  return Number(seq);
}

function refused(cursor: string, reason: string): InvalidInputError {
  const given = JSON.stringify(cursor.length > 64 ? `${cursor.slice(0, 64)}...` : cursor);
  const message = `given ${given}, which ${reason}; allowed: the cursor of the page before`;
  return new InvalidInputError(`Cannot go on: after: ${message}`, [{ path: "after", message }]);
}

/** Filters that choose the same jobs have the same hash, in whatever order their fields are. */
function hashOf(use: CursorUse, filter: JobFilter | FileFilter): string {
  const fields = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, Array.isArray(value) ? [...new Set(value)].sort() : value])
    .sort(([a], [b]) => a < b ? -1 : 1);
  const text = JSON.stringify([use, fields]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 16);
}
