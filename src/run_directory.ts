import { dirname, join } from "node:path";
import { messageOf, SnakedenError } from "./errors.ts";

/** Bytes of a socket path that every supported system takes: `sun_path` has 104 on macOS and 108 on Linux, with the end. */
const MAX_SOCKET_PATH_BYTES = 103;
/** As long as the name of any socket in it. */
const SOCKET_NAME = "link.sock";
/** Locked for as long as the host lives; the system lets go of it however the host ends. */
const LOCK_NAME = "host.lock";
/** Where a run goes whose path in the data directory would be too long. */
const SHORT_ROOT = "/tmp";
const SHORT_PREFIX = "snakeden-run-";

/** The directory of one run of the host, 0700, with the sockets that workers dial. Gone when disposed. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  #lock: Deno.FsFile | undefined;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes it in the data directory, or in /tmp when the path cannot be the address of a socket, and removes what hosts that
   * were killed have left there.
   *
   * @throws {SnakedenError} `startup_failed` when it cannot be written.
   */
  static async create(dataDir: string, runId: string): Promise<RunDirectory> {
    const preferred = join(dataDir, "run", runId);
    const path = fits(preferred) ? preferred : join(SHORT_ROOT, `${SHORT_PREFIX}${runId}`);
    try {
      const lock = await makeLocked(path);
      await sweep(dirname(path), path);
      return new RunDirectory(path, lock);
    } catch (error) {
      throw new SnakedenError(
        "startup_failed",
        `Cannot make the run directory ${path}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    if (lock === undefined) return;
    using _lock = lock;
    await removeIfThere(this.path);
  }
}

/** Makes the directory and locks it. */
async function makeLocked(path: string): Promise<Deno.FsFile> {
  while (true) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    // mkdir leaves the mode of a directory that was there already.
    await Deno.chmod(path, 0o700);
    const lock = await openLock(path, { create: true });
    if (lock === undefined) continue;
    await lock.lock(true);
    // Another host that starts may have swept it away before it was locked.
    if (await isThere(path)) return lock;
    lock.close();
  }
}

/** Removes the directories of dead hosts beside our own. */
async function sweep(root: string, own: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    const path = join(root, name);
    const ours = root !== SHORT_ROOT || name.startsWith(SHORT_PREFIX);
    if (ours && isDirectory && path !== own) await removeAbandoned(path);
  }
}

/** Removes a directory whose lock can be had. One that has no lock yet is just being made. */
async function removeAbandoned(path: string): Promise<void> {
  const opened = await openLock(path, {});
  if (opened === undefined) return;
  // Held while it is removed, so that a host that is about to lock it sees that it is gone.
  using lock = opened;
  if (await lock.tryLock(true)) await removeIfThere(path);
}

/** The lock file of a run, or undefined when there is none, or it belongs to another user. */
async function openLock(
  path: string,
  options: { readonly create?: boolean },
): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(join(path, LOCK_NAME), { write: true, ...options });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.PermissionDenied && !options.create) return undefined;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(join(path, LOCK_NAME));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** gRPC reads the address as a URI, and takes a comma for a list. */
const NOT_IN_AN_ADDRESS = /[%#?,]/;

function fits(directory: string): boolean {
  if (NOT_IN_AN_ADDRESS.test(directory)) return false;
  const bytes = new TextEncoder().encode(join(directory, SOCKET_NAME)).byteLength;
  return bytes <= MAX_SOCKET_PATH_BYTES;
}
