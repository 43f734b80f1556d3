import { dirname, join } from "node:path";
import { messageOf, SnakedenError } from "./errors.ts";

/** Bytes of a socket path that every supported system takes: `sun_path` has 104 on macOS and 108 on Linux, with the end. */
const MAX_SOCKET_PATH_BYTES = 103;
const SOCKET_NAME = "bridge.sock";
/** Locked for as long as the host lives; the system lets go of it however the host ends. */
const LOCK_NAME = "host.lock";
/** Where a run goes whose path in the data directory would be too long. */
const SHORT_ROOT = "/tmp";
const SHORT_PREFIX = "snakeden-run-";

/** The directory of one run of the host, 0700, with the socket that workers dial. Gone when disposed. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes it in the data directory, or in /tmp when the path would be too long for a socket, and removes what hosts that
   * were killed have left there.
   *
   * @throws {SnakedenError} `startup_failed` when it cannot be written.
   */
  static async create(dataDir: string, runId: string): Promise<RunDirectory> {
    const preferred = join(dataDir, "run", runId);
    const path = fits(preferred) ? preferred : join(SHORT_ROOT, `${SHORT_PREFIX}${runId}`);
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      // mkdir leaves the mode of a directory that was there already.
      await Deno.chmod(path, 0o700);
      const lock = await Deno.open(join(path, LOCK_NAME), { create: true, write: true });
      await lock.lock(true);
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

  get socketPath(): string {
    return join(this.path, SOCKET_NAME);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeIfThere(this.path);
    this.#lock.close();
  }
}

/** Removes the directories of dead hosts beside our own. */
async function sweep(root: string, own: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    const path = join(root, name);
    const ours = root !== SHORT_ROOT || name.startsWith(SHORT_PREFIX);
    if (ours && isDirectory && path !== own && await isAbandoned(path)) await removeIfThere(path);
  }
}

/** True when the lock of the directory can be had. One that has no lock yet is just being made. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(join(path, LOCK_NAME), { write: true });
    return await file.tryLock(true);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.PermissionDenied) return false;
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

function fits(directory: string): boolean {
  const bytes = new TextEncoder().encode(join(directory, SOCKET_NAME)).byteLength;
  return bytes <= MAX_SOCKET_PATH_BYTES;
}
