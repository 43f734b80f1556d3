import { join } from "node:path";
import { delay } from "../../async/mod.ts";
import { FileLock } from "../../process/mod.ts";

/**
 * Each process that uses an environment holds a shared lock on this file in it. The file was
 * modified at the last use, and holds the set to which the environment belonged then.
 */
export const IN_USE_FILE = "in-use.lock";

/** Somebody who asks whether an environment is in use locks it for a moment. */
const HOLD_ATTEMPTS = 10;
const HOLD_PAUSE_MS = 20;

/** The use of an environment by this process. */
export class EnvironmentUse {
  readonly #lock: FileLock;
  readonly #set: string;
  #path: string;
  #ended = false;

  /** Takes over the lock, and notes the time. */
  constructor(path: string, lock: FileLock, set: string) {
    this.#path = path;
    this.#lock = lock;
    this.#set = set;
    this.#note();
  }

  /** Follows the environment, which now has the path `path`. */
  movedTo(path: string): this {
    this.#path = path;
    return this;
  }

  /** Ends the use, and notes the time; a second call does nothing. */
  release(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#note();
    this.#lock.release();
  }

  #note(): void {
    try {
      Deno.writeTextFileSync(join(this.#path, IN_USE_FILE), this.#set);
    } catch {
      // The file is gone or not ours. The last use then seems older, and at worst the environment is
      // built again.
    }
  }
}

/**
 * Marks the environment as used by this process; returns null when another process removes it.
 *
 * @param set Identifies the environments that a program uses together.
 */
export async function holdUse(path: string, set: string): Promise<EnvironmentUse | null> {
  for (let i = 0; i < HOLD_ATTEMPTS; i++) {
    const lock = await tryLock(path, "shared");
    if (lock === undefined) return null;
    if (lock !== null) return new EnvironmentUse(path, lock, set);
    await delay(HOLD_PAUSE_MS);
  }
  return null;
}

/** Tells whether a process uses the environment. */
export async function isInUse(path: string): Promise<boolean> {
  const lock = await tryLock(path, "exclusive");
  lock?.release();
  return lock === null;
}

/** Returns null if another process has the lock, and undefined if there is no such environment. */
async function tryLock(
  path: string,
  kind: "shared" | "exclusive",
): Promise<FileLock | null | undefined> {
  try {
    return await FileLock.tryTake(join(path, IN_USE_FILE), kind);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The last use of an environment. */
export interface LastUse {
  /** Milliseconds since 1970; 0 if unknown. */
  readonly atMs: number;
  /** Empty for an environment that only earlier versions have used. */
  readonly set: string;
}

/** Reads when an environment was used last, and in which set. */
export async function lastUseOf(path: string): Promise<LastUse> {
  const file = join(path, IN_USE_FILE);
  try {
    const [{ mtime }, set] = await Promise.all([Deno.stat(file), Deno.readTextFile(file)]);
    return { atMs: mtime?.getTime() ?? 0, set };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { atMs: 0, set: "" };
    throw error;
  }
}
