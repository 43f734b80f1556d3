import { join } from "node:path";
import { FileLock } from "../../process/mod.ts";
import { REMOVED, removeTree } from "./removal.ts";

/** The number of digits of a key that identify a build. */
const DIGITS = 16;
const LOCK = /^build(?:-[0-9a-f]{16})?\.lock$/;
const UNFINISHED = /^building-(?:([0-9a-f]{16})-)?/;

/** The right of this process to build one environment. */
export interface BuildLock extends AsyncDisposable {
  /** The folder to build in, which does not exist at first. Disposing removes it. */
  readonly unfinished: string;
}

/** Options of {@link lockBuild}. */
export interface LockBuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, with the id of the process that builds the environment. */
  readonly onWait?: (holder: string) => void;
}

/**
 * Waits until no other process builds the environment of `key`. Removes what dead builds of any key
 * have left. Builds of different keys run side by side.
 *
 * @throws The reason of the signal.
 */
export async function lockBuild(
  root: string,
  key: string,
  options: LockBuildOptions = {},
): Promise<BuildLock> {
  const digits = key.slice(0, DIGITS);
  const lockName = `build-${digits}.lock`;
  const lock = await FileLock.waitExclusive(join(root, lockName), options);
  try {
    await removeLeftovers(root, lockName);
  } catch (error) {
    await unlock(join(root, lockName), lock);
    throw error;
  }
  const unfinished = join(root, `building-${digits}-${crypto.randomUUID().slice(0, 8)}`);
  return {
    unfinished,
    [Symbol.asyncDispose]: async () => {
      try {
        await removeTree(unfinished);
      } finally {
        await unlock(join(root, lockName), lock);
      }
    },
  };
}

/** Removes the file while it is locked, so that a waiting process opens a new one. */
async function unlock(path: string, lock: FileLock): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  } finally {
    lock.release();
  }
}

/**
 * Removes the folders and locks of dead builds, and what dead removals have left. A build is dead
 * if nobody holds its lock; the caller holds the lock `own`.
 */
async function removeLeftovers(root: string, own: string): Promise<void> {
  const names = Array.from(Deno.readDirSync(root), ({ name }) => name);
  await removeEach(root, names.filter((it) => it.startsWith(REMOVED)));
  for (const [lockName, entries] of Map.groupBy(names, lockNameOf)) {
    if (lockName === undefined) continue;
    const folders = entries.filter((it) => it !== lockName);
    if (lockName === own) {
      await removeEach(root, folders);
      continue;
    }
    const path = join(root, lockName);
    const lock = await FileLock.tryTake(path, "exclusive");
    if (lock === null) continue;
    try {
      await removeEach(root, folders);
    } finally {
      await unlock(path, lock);
    }
  }
}

/**
 * Returns the name of the lock that a build holds, for its lock and its folder; undefined for other
 * entries. Earlier versions had one lock, `build.lock`, for all builds.
 */
function lockNameOf(name: string): string | undefined {
  if (LOCK.test(name)) return name;
  const unfinished = UNFINISHED.exec(name);
  if (unfinished === null) return undefined;
  return unfinished[1] === undefined ? "build.lock" : `build-${unfinished[1]}.lock`;
}

async function removeEach(root: string, names: readonly string[]): Promise<void> {
  for (const name of names) await removeTree(join(root, name));
}
