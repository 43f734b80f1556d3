import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../errors.ts";

/** What SQLite keeps beside the file. */
const COMPANIONS = ["", "-wal", "-shm", "-journal"] as const;
/**
 * SQLite's result codes for a file that is not, or no longer, a database:
 * https://www.sqlite.org/rescode.html
 */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/**
 * Says why a file cannot be used as a database, or undefined when it can or is not there. KV must
 * not be given one that is broken: Deno 2.9.6 panics on some of them, which ends the process.
 *
 * @throws {Error} What keeps it from being read, such as a full disk or a missing right; that does
 * not make it broken.
 */
export function problemOfDatabase(path: string): string | undefined {
  if (sizeOf(path) === 0) {
    // SQLite takes an empty file for a new database, and drops the log beside it.
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

/** Renames a database and its files; returns the new path. Nothing is deleted. */
export function moveAside(path: string, now: Date): string {
  const aside = freeName(`${path}.corrupt-${now.toISOString().replaceAll(/[:.]/g, "")}`);
  for (const suffix of COMPANIONS) {
    if (sizeOf(path + suffix) !== undefined) Deno.renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Databases that were moved aside, oldest first. */
export function listAside(path: string): string[] {
  const start = `${basename(path)}.corrupt-`;
  return [...Deno.readDirSync(dirname(path))]
    .map(({ name }) => name)
    .filter((name) => name.startsWith(start) && !COMPANIONS.some((it) => it && name.endsWith(it)))
    .sort()
    .map((name) => join(dirname(path), name));
}

/** Keeps other users from reading a database, which SQLite creates readable for everybody. */
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
