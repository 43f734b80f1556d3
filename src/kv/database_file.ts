import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../errors.ts";

/** The suffixes of a database and of the files that SQLite keeps beside it. */
const COMPANIONS = ["", "-wal", "-shm", "-journal"] as const;
/**
 * SQLite's result codes for a file that is damaged, or is not a database:
 * https://www.sqlite.org/rescode.html
 */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/**
 * Returns the reason why a file cannot be used as a database; undefined if it can, or if it is
 * missing. KV must never open a broken one: on some of them Deno 2.9.6 panics, which ends the
 * process.
 *
 * @throws {Error} If the file cannot be read, for example because of a full disk or a missing
 * permission. Such a file is not broken.
 */
export function problemOfDatabase(path: string): string | undefined {
  if (sizeOf(path) === 0) {
    // SQLite treats an empty file as a new database, and deletes the log beside it.
    return "it is empty";
  }
  if (sizeOf(path) === undefined) return undefined;
  try {
    const database = new DatabaseSync(path);
    try {
      const [first] = database.prepare("PRAGMA quick_check(1)").all();
      const [text] = Object.values(first ?? {});
      return text === "ok" ? undefined : String(text).replaceAll("\n", " ");
    } finally {
      database.close();
    }
  } catch (error) {
    const code = Number((error as { errcode?: unknown }).errcode) & 0xff;
    if (code === CORRUPT || code === NOT_A_DATABASE) return messageOf(error);
    throw error;
  }
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
