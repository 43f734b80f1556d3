import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "./errors.ts";

/** The suffixes of a database and of the files that SQLite keeps beside it. */
const COMPANIONS = ["", "-wal", "-shm", "-journal"] as const;
/**
 * SQLite's result codes for a file that is damaged, or is not a database:
 * https://www.sqlite.org/rescode.html
 */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
/** The smallest page of a database. */
const MIN_BYTES = 512;

/**
 * Returns the reason why a file cannot be used as a database; undefined if it can, or if it is
 * missing. Of a database with more than `maxBytes`, which takes long to check, only the schema and
 * the small tables are checked. KV must never open a broken one: on some of them Deno 2.9.6 panics,
 * which ends the process.
 *
 * @throws {Error} If the file cannot be read, for example because of a full disk or a missing
 * permission. Such a file is not broken.
 */
export function problemOfDatabase(path: string, maxBytes = Infinity): string | undefined {
  const size = sizeOf(path);
  if (size === 0) {
    // SQLite treats an empty file as a new database, and deletes the log beside it.
    return "it is empty";
  }
  if (size === undefined) return undefined;
  // SQLite takes some of these for new databases, too.
  if (size < MIN_BYTES) return `it has only ${size} bytes`;
  try {
    const database = new DatabaseSync(path);
    try {
      if (size > maxBytes) return problemOfLarge(database);
      return problemFound(database, "PRAGMA quick_check(1)");
    } finally {
      database.close();
    }
  } catch (error) {
    if (isDamage(error)) return messageOf(error);
    throw error;
  }
}

/** Returns true for the error of SQLite for a file that is damaged, or is not a database. */
export function isDamage(error: unknown): boolean {
  const code = Number((error as { errcode?: unknown } | null)?.errcode) & 0xff;
  return code === CORRUPT || code === NOT_A_DATABASE;
}

function problemFound(database: DatabaseSync, check: string): string | undefined {
  const [first] = database.prepare(check).all();
  const [text] = Object.values(first ?? {});
  return text === "ok" ? undefined : String(text).replaceAll("\n", " ");
}

/** The rows up to which a table of a large database is checked. */
const SMALL_ROWS = 10_000;

function problemOfLarge(database: DatabaseSync): string | undefined {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of tables) {
    const quoted = `"${String(name).replaceAll('"', '""')}"`;
    const rows = database.prepare(
      `SELECT count(*) AS count FROM (SELECT 1 FROM ${quoted} LIMIT ${SMALL_ROWS})`,
    ).get();
    if (Number(rows?.count) === SMALL_ROWS) continue;
    const problem = problemFound(database, `PRAGMA quick_check(${quoted})`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Renames a database and the files beside it. Returns the new path. Nothing is deleted. */
export function moveAside(path: string, now: Date): string {
  const aside = freeName(`${path}.corrupt-${now.toISOString().replaceAll(/[:.]/g, "")}`);
  for (const suffix of COMPANIONS) {
    if (sizeOf(path + suffix) !== undefined) Deno.renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Lists the databases that were moved aside, oldest first. */
export function listAside(path: string): string[] {
  const start = `${basename(path)}.corrupt-`;
  return [...Deno.readDirSync(dirname(path))]
    .map(({ name }) => name)
    .filter((name) => name.startsWith(start) && !COMPANIONS.some((it) => it && name.endsWith(it)))
    .sort()
    .map((name) => join(dirname(path), name));
}

/** Makes a database readable for its owner alone. SQLite creates it readable for everybody. */
export async function closeToOthers(path: string): Promise<void> {
  for (const suffix of COMPANIONS) {
    if (sizeOf(path + suffix) !== undefined) await Deno.chmod(path + suffix, 0o600);
  }
}

function freeName(path: string): string {
  for (let i = 1;; i++) {
    const name = i === 1 ? path : `${path}-${i}`;
    if (COMPANIONS.every((suffix) => sizeOf(name + suffix) === undefined)) return name;
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
