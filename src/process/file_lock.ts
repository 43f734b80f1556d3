import { delay } from "../async/mod.ts";

/**
 * The interval of polling. Waiting in the system would need a thread, and such a wait cannot be
 * aborted.
 */
const RETRY_MS = 100;
/** After so many rounds of polling without an id, the holder is taken to write none. */
const UNSIGNED_ROUNDS = 20;

/** A lock on a file. The system releases it when the process ends, however it ends. */
export class FileLock implements Disposable {
  readonly #file: Deno.FsFile;
  #held = true;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Takes the lock, or returns null if another holder excludes it.
   *
   * @param options.create Creates a missing file; true if omitted.
   * @throws {Deno.errors.NotFound} If the file is missing and `create` is false, or if its folder
   * is missing.
   */
  static async tryTake(
    path: string,
    kind: "shared" | "exclusive",
    { create = true }: { readonly create?: boolean } = {},
  ): Promise<FileLock | null> {
    const file = await Deno.open(path, { read: true, write: true, create, mode: 0o600 });
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

  /**
   * Waits for the exclusive lock, and writes the id of this process into the file.
   *
   * @param options.onWait Called once if another process has the lock, with the text of the file:
   * the id of that process; empty if it has written none for two seconds.
   * @param options.anonymous Does not write into the file, which may be a link that another user
   * made.
   * @throws The reason of the signal, or what {@link FileLock.tryTake} throws.
   */
  static async waitExclusive(
    path: string,
    options: {
      readonly onWait?: (holder: string) => void;
      readonly signal?: AbortSignal | undefined;
      readonly anonymous?: boolean;
    } = {},
  ): Promise<FileLock> {
    let { onWait } = options;
    for (let round = 0;; round++) {
      options.signal?.throwIfAborted();
      const lock = await FileLock.tryTake(path, "exclusive");
      if (lock !== null) {
        if (!options.anonymous) lock.#sign();
        return lock;
      }
      // The holder may have taken the lock just now, and not written its id yet.
      const holder = onWait === undefined || round === 0 ? "" : await holderOf(path);
      if (holder !== "" || round === UNSIGNED_ROUNDS) {
        onWait?.(holder);
        onWait = undefined;
      }
      await delay(RETRY_MS, options.signal);
    }
  }

  #sign(): void {
    this.#file.truncateSync(0);
    this.#file.writeSync(new TextEncoder().encode(String(Deno.pid)));
  }

  /** Returns the id of the user who owns the locked file. */
  async uid(): Promise<number | null> {
    return (await this.#file.stat()).uid;
  }

  /** Releases the lock; a second call does nothing. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Returns the id of the process that holds the lock; empty if the file has none, or is gone. */
async function holderOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Returns false if the file was removed or replaced between open and lock. The lock then excludes
 * nobody.
 */
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
