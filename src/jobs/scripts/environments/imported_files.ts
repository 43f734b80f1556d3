import { isWithin } from "../permissions.ts";
import { environmentFailed, FINAL } from "./environment_failed.ts";

/**
 * Checks the files that a script imports. Deno asks for no permission to load them, and an import
 * may be of any text or JSON.
 *
 * @param files The files, without symbolic links.
 * @param folders The folders that the script may import from; undefined for any.
 * @param name The name of the script in errors.
 * @throws {SnakedenError} `environment_failed` for a file outside of the folders.
 */
export async function checkImports(
  files: readonly string[],
  { folders, name }: { readonly folders?: readonly string[] | undefined; readonly name: string },
): Promise<void> {
  if (folders === undefined || files.length === 0) return;
  const within = await Promise.all(folders.map(realPathOf));
  const outside = files.find((it) => !within.some((folder) => isWithin(folder, it)));
  if (outside === undefined) return;
  throw environmentFailed(
    name,
    `it imports ${outside}; allowed: files of ${
      folders.join(", ")
    }, which are its folder and what ` +
      "the permission `read` of this folder names (jobs.scriptFolders)",
    { ...FINAL, import: outside },
  );
}

/** Returns a path without symbolic links; as it is if there is no such file. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    return path;
  }
}
