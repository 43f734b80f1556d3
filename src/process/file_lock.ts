import { delay } from "../async/mod.ts";

/** The system cannot tell when a lock gets free without a thread that waits for it and cannot be called off. */
const RETRY_MS = 100;

/** A lock on a file that the system drops when the process ends, however it ends. */
export class FileLock implements Disposable {
  readonly #file: Deno.FsFile;
  #held = true;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Takes the lock when nobody holds one that is in the way, else returns null. The file is made when missing. */
  static async tryTake(path: string, kind: "shared" | "exclusive"): Promise<FileLock | null> {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    try {
      if (await file.tryLock(kind === "exclusive") && await isStillAt(file, path)) {
        return new FileLock(file);
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return null;
  }

  /** Waits for the exclusive lock and writes this process's id into the file; `onWait` is told once who holds it. */
  static async waitExclusive(
    path: string,
    options: { onWait?: (holder: string) => void; signal?: AbortSignal | undefined } = {},
  ): Promise<FileLock> {
    for (let round = 0;; round++) {
      options.signal?.throwIfAborted();
      const lock = await FileLock.tryTake(path, "exclusive");
      if (lock !== null) {
        lock.#file.truncateSync(0);
        lock.#file.writeSync(new TextEncoder().encode(String(Deno.pid)));
        return lock;
      }
      // The holder writes its id a moment after it has the lock.
      if (round === 1) options.onWait?.(await Deno.readTextFile(path));
      await delay(RETRY_MS, options.signal);
    }
  }

  /** Lets go; a second time does nothing. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** False when the file was removed, or replaced, between open and lock: such a lock keeps nobody out. */
async function isStillAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const held = await file.stat();
  try {
    const there = await Deno.stat(path);
    return there.ino === held.ino && there.dev === held.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
