import { createHash } from "node:crypto";
import { join } from "node:path";
import { isGranted } from "../../granted.ts";
import { findCodeFolders, isCode, isForeign } from "../../reload/mod.ts";

/** The limits of a hash, since it delays a start. */
export interface CodeLimits {
  readonly folders: number;
  /** Entries of all folders together. */
  readonly entries: number;
  readonly files: number;
  /** The length of all files whose content is hashed. */
  readonly bytes: number;
}

/** Options of {@link hashCode}. */
export interface HashCodeOptions {
  /** Folders that are left out. */
  readonly exclude: readonly string[];
  readonly limits?: CodeLimits;
}

/** A hash of code, or the reason why there is none. */
export type CodeHash =
  | { readonly hash: string; readonly problem?: never }
  | { readonly hash?: never; readonly problem: string };

const LIMITS: CodeLimits = { folders: 500, entries: 50_000, files: 5_000, bytes: 64 * 2 ** 20 };
/** Of a longer file, such as a compiled library, only the length and the time count. */
const MAX_HASHED_BYTES = 2 ** 20;
const FILES_AT_ONCE = 16;

/**
 * Returns a hash of the Python files in and below some folders: their paths and contents. Leaves
 * out what the watcher of `dev` does, such as virtual environments. A missing folder counts as an
 * empty one.
 */
export async function hashCode(
  roots: readonly string[],
  { exclude, limits = LIMITS }: HashCodeOptions,
): Promise<CodeHash> {
  for (const path of roots) {
    // Reading it would ask the person at the terminal.
    if (!isGranted({ name: "read", path })) return { problem: `${path} may not be read` };
  }
  const { found, leftOut } = await findCodeFolders(roots, { exclude, limits });
  for (const folder of leftOut) {
    if (!await exists(folder)) continue;
    return { problem: `${folder} cannot be read, or there are too many folders beside it` };
  }
  const hash = createHash("sha256");
  let [files, bytes] = [0, 0];
  for (const folder of found) {
    const names = await codeIn(folder);
    // Folders for data come and go while tools run.
    if (names.length === 0) continue;
    files += names.length;
    if (files > limits.files) return { problem: `it has more than ${limits.files} files` };
    hash.update(JSON.stringify([folder, names]));
    for (let i = 0; i < names.length; i += FILES_AT_ONCE) {
      const some = names.slice(i, i + FILES_AT_ONCE).map((name) => join(folder, name));
      for (const print of await Promise.all(some.map(printOf))) {
        bytes += print.bytes;
        hash.update(`${print.text}\n`);
      }
      if (bytes > limits.bytes) return { problem: `it has more than ${limits.bytes} bytes` };
    }
  }
  return { hash: hash.digest("hex") };
}

/** Returns the names of the files of code in a folder. */
async function codeIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory && isCode(name) && !isForeign(name)) names.push(name);
    }
  } catch {
    // It has gone since it was found.
  }
  return names.sort();
}

/** Returns a text that another content of the file changes, and the number of bytes read. */
async function printOf(path: string): Promise<{ readonly text: string; readonly bytes: number }> {
  try {
    const { size, mtime, isFile } = await Deno.stat(path);
    if (!isFile) return { text: "no file", bytes: 0 };
    if (size > MAX_HASHED_BYTES) return { text: `${size} ${mtime?.getTime()}`, bytes: 0 };
    const content = await Deno.readFile(path);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    return { text: digest.toHex(), bytes: content.byteLength };
  } catch {
    return { text: "unreadable", bytes: 0 };
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
