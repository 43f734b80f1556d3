import { join } from "node:path";
import { delay } from "../../async/mod.ts";
import { FileLock } from "../../process/mod.ts";

/**
 * The file in an environment on which each process that uses it holds a shared lock. Its time is
 * that of the last use. It contains the set to which the environment belonged then.
 */
export const IN_USE_FILE = "in-use.lock";

/** Attempts to hold an environment: {@link isInUse} locks it for a moment. */
const HOLD_ATTEMPTS = 10;
const HOLD_PAUSE_MS = 20;

/** The use of an environment by this process. */
export class EnvironmentUse {
  readonly #lock: FileLock;
  readonly #set: string;
  #path: string;
  #ended = false;

  /** Takes over the lock, and records the time. */
  constructor(path: string, lock: FileLock, set: string) {
    this.#path = path;
    this.#lock = lock;
    this.#set = set;
    this.#record();
  }

  /** Records the new path of the environment. */
  movedTo(path: string): this {
    this.#path = path;
    return this;
  }

  /** Ends the use, and records the time; a second call does nothing. */
  release(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#record();
    this.#lock.release();
  }

  #record(): void {
    try {
      Deno.writeTextFileSync(join(this.#path, IN_USE_FILE), this.#set);
    } catch {
      // The file is gone or belongs to another user. The last use then seems older; at worst the
      // environment is built again.
    }
  }
}

/**
 * Marks the environment as used by this process. Returns null if another process removes it.
 *
 * @param set The id of the environments that a program uses together.
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

/** Returns true if a process uses the environment. */
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

/** Returns the time and the set of the last use of an environment. */
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
