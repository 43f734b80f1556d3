import { join } from "node:path";
import { delay } from "../../async/mod.ts";
import { FileLock } from "../../process/mod.ts";
import { IN_USE_FILE } from "./use.ts";

/** The prefix of folders that are being removed. */
export const REMOVED = "removed-";

const REMOVAL_ATTEMPTS = 20;
const REMOVAL_PAUSE_MS = 25;

/**
 * Removes the environment at `path` unless a process uses it. Several processes may call this at
 * once.
 *
 * @returns False if a process uses it.
 */
export async function removeIfUnused(root: string, path: string): Promise<boolean> {
  try {
    const lock = await FileLock.tryTake(join(path, IN_USE_FILE), "exclusive");
    if (lock === null) return false;
    using _lock = lock;
    const removed = join(root, `${REMOVED}${crypto.randomUUID().slice(0, 8)}`);
    await Deno.rename(path, removed);
    await removeTree(removed);
  } catch (error) {
    // Another process has just removed it.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return true;
}

/**
 * Removes a folder. A process that was just killed may still write there for a moment, so a removal
 * that fails is repeated. If entries remain even then, the next build removes them.
 */
export async function removeTree(path: string): Promise<void> {
  for (let i = 0; i < REMOVAL_ATTEMPTS; i++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      const busy = error instanceof Error && "code" in error && error.code === "ENOTEMPTY";
      if (!busy) throw error;
    }
    await delay(REMOVAL_PAUSE_MS);
  }
}
