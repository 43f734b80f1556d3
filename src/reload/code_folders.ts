import { extname, join } from "node:path";

/** The limits of a search for folders. */
export interface FolderLimits {
  readonly folders: number;
  /** Entries of all folders together. */
  readonly entries: number;
}

/** The folders that hold code, or may come to hold some. */
export interface CodeFolders {
  /** Those that were found, the topmost first. */
  readonly found: readonly string[];
  /** Those of them that hold files of code themselves. */
  readonly withCode: readonly string[];
  /** Those that were left out: there are too many, or they do not exist or cannot be read. */
  readonly leftOut: readonly string[];
}

/** Enough for any project; a system watches some thousand folders without effort. */
const LIMITS: FolderLimits = { folders: 2_000, entries: 200_000 };
/** Folders of this name never hold the user's own modules. */
const FOREIGN: ReadonlySet<string> = new Set([
  "__pycache__",
  "node_modules",
  "site-packages",
  "venv",
]);
/** The file by which a virtual environment is recognized, whatever its name is. */
const VENV_FILE = "pyvenv.cfg";

/** The files that a Python program loads as code. */
const CODE: ReadonlySet<string> = new Set([".py", ".so", ".pyd"]);

/** Returns true for names of files that a Python program loads as code. */
export function isCode(name: string): boolean {
  return CODE.has(extname(name));
}

/** Returns true for names that are never watched: hidden ones and those of foreign code. */
export function isForeign(name: string): boolean {
  return name.startsWith(".") || FOREIGN.has(name);
}

/**
 * Finds the folders below some roots, level by level, and follows links to folders.
 *
 * @param options.exclude Folders that are left alone, by their absolute paths.
 */
export async function findCodeFolders(
  roots: readonly string[],
  options: { readonly exclude?: readonly string[]; readonly limits?: FolderLimits } = {},
): Promise<CodeFolders> {
  const { exclude = [], limits = LIMITS } = options;
  const found: string[] = [];
  const withCode: string[] = [];
  const leftOut: string[] = [];
  // By their real paths, since links may form a circle.
  const seen = new Set<string>();
  let entries = 0;
  let level: readonly string[] = [...new Set(roots)];
  while (level.length > 0) {
    const next: string[] = [];
    for (const folder of level) {
      const real = await realPath(folder);
      if (real === undefined) leftOut.push(folder);
      if (real === undefined || seen.has(real) || exclude.includes(real)) continue;
      seen.add(real);
      if (found.length >= limits.folders || entries >= limits.entries) {
        leftOut.push(folder);
        continue;
      }
      const listed = await list(folder, limits.entries - entries);
      if (listed === undefined) leftOut.push(folder);
      if (listed === undefined || listed.isVenv) continue;
      entries += listed.entries;
      if (listed.isCut) leftOut.push(folder);
      found.push(folder);
      if (listed.holdsCode) withCode.push(folder);
      next.push(...listed.folders);
    }
    level = next;
  }
  return { found, withCode, leftOut };
}

interface Listed {
  readonly folders: readonly string[];
  readonly entries: number;
  readonly holdsCode: boolean;
  readonly isVenv: boolean;
  /** True if the folder has more entries than were read. */
  readonly isCut: boolean;
}

/** Returns the folders in a folder; undefined if it cannot be read. */
async function list(folder: string, maxEntries: number): Promise<Listed | undefined> {
  const folders: string[] = [];
  let entries = 0;
  let holdsCode = false;
  let isVenv = false;
  let isCut = false;
  try {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
      if (++entries > maxEntries) {
        isCut = true;
        break;
      }
      if (name === VENV_FILE) isVenv = true;
      if (isForeign(name)) continue;
      if (isCode(name)) holdsCode = true;
      const path = join(folder, name);
      if (isDirectory || (isSymlink && await isFolder(path))) folders.push(path);
    }
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  return { folders: folders.sort(), entries, holdsCode, isVenv, isCut };
}

/** Returns true if a folder is at this path, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch {
    return undefined;
  }
}
