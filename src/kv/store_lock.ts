import { join } from "node:path";
import { z } from "zod";
import { delay } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { FileLock, makePrivateDirectory } from "../process/mod.ts";

/** The file that the owner locks. The system releases the lock however the owner ends. */
const LOCK_NAME = "lock";
/** The file that describes the owner, for the error of a second host. */
const OWNER_NAME = "owner.json";
const RETRY_MS = 25;

const ownerSchema = z.object({ pid: z.int(), runId: z.string(), since: z.string() });

/** The host that has the store: its process id, its run, and the time since when. */
export type StoreOwner = z.output<typeof ownerSchema>;

/** The exclusive right to the store in a directory. */
export class StoreLock implements Disposable {
  readonly #directory: string;
  #file: FileLock | undefined;

  private constructor(directory: string, file: FileLock) {
    this.#directory = directory;
    this.#file = file;
  }

  /**
   * Takes the lock, or returns its owner; null if the owner has not described itself. Tries for
   * `patienceMs`, since an ending process and a fork hold the locks of their host a moment longer.
   *
   * @throws {Error} If the directory cannot be written, or belongs to another user.
   */
  static async take(
    directory: string,
    { runId, patienceMs }: { readonly runId: string; readonly patienceMs: number },
  ): Promise<StoreLock | { readonly owner: StoreOwner | null }> {
    await makePrivateDirectory(directory);
    const path = join(directory, LOCK_NAME);
    const until = performance.now() + patienceMs;
    let file = await FileLock.tryTake(path, "exclusive");
    while (file === null) {
      if (performance.now() >= until) return { owner: await readOwner(directory) };
      await delay(RETRY_MS);
      file = await FileLock.tryTake(path, "exclusive");
    }
    const lock = new StoreLock(directory, file);
    try {
      await writeOwner(directory, { pid: Deno.pid, runId, since: new Date().toISOString() });
      return lock;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Releases the lock. A second call does nothing. */
  [Symbol.dispose](): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      Deno.removeSync(join(this.#directory, OWNER_NAME));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    } finally {
      file.release();
    }
  }
}

/** Describes an owner for an error text. */
export function describeOwner(owner: StoreOwner | null): string {
  if (owner === null) return "another host, whose process id is unknown,";
  return `the host with process id ${owner.pid} (run ${owner.runId}, since ${owner.since})`;
}

async function readOwner(directory: string): Promise<StoreOwner | null> {
  try {
    return ownerSchema.parse(JSON.parse(await Deno.readTextFile(join(directory, OWNER_NAME))));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    // The file is half written, or not ours. Only the lock counts.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

/**
 * Writes the description of the owner and renames it into place, so that nobody reads half of it.
 */
async function writeOwner(directory: string, owner: StoreOwner): Promise<void> {
  const path = join(directory, OWNER_NAME);
  const draft = `${path}.${owner.runId}`;
  try {
    await Deno.writeTextFile(draft, JSON.stringify(owner), { mode: 0o600 });
    await Deno.rename(draft, path);
  } catch (cause) {
    await Deno.remove(draft).catch(() => {});
    throw new Error(`cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}
