import { ignoreMissing } from "./blob_paths.ts";

/**
 * Returns true if a file without write permission is safe from the programs of this user: not for
 * root, which may write any file.
 *
 * @param path A path in a folder of this user, at which nothing is.
 */
export async function arePermissionsKept(path: string): Promise<boolean> {
  (await Deno.open(path, { write: true, createNew: true, mode: 0o444 })).close();
  try {
    (await Deno.open(path, { write: true })).close();
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return true;
    throw error;
  } finally {
    await Deno.remove(path);
  }
}

/** Copies a file to a path at which nothing is, only to be read; leaves no part of it. */
export async function copyReadOnly(from: string, to: string): Promise<void> {
  (await Deno.open(to, { write: true, createNew: true, mode: 0o600 })).close();
  try {
    // The system copies faster than any loop here, and shares the blocks where it can.
    await Deno.copyFile(from, to);
    await Deno.chmod(to, 0o444);
  } catch (error) {
    await Deno.remove(to).catch(ignoreMissing);
    throw error;
  }
}
