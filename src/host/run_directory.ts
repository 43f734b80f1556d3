import { dirname, join } from "node:path";
import { messageOf, SnakedenError } from "../errors.ts";
import {
  FileLock,
  isExposed,
  isOurs,
  lstatIfThere,
  makePrivateDirectory,
  removeTree,
} from "../process/mod.ts";

/**
 * Bytes of a socket path that every supported system takes: `sun_path` has 104 on macOS and 108 on
 * Linux, with the end.
 */
const MAX_SOCKET_PATH_BYTES = 103;
/** As long as the name of any socket in a run directory. */
const SOCKET_NAME = "link.sock";
/** The file that is locked while the host lives. The system unlocks it, however the host ends. */
const LOCK_NAME = "host.lock";
/** As long as the id of every run: 128 bits in hex. */
const ANY_RUN_ID = "0".repeat(32);
/** The folder for a run whose path in the data directory would be too long. */
const SHORT_ROOT = "/tmp";
const SHORT_PREFIX = "snakeden-run-";

/**
 * The directory of one run of the host, with the sockets to which workers connect. Nobody else may
 * enter it (0700). Disposing removes it.
 */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  #lock: FileLock | undefined;

  private constructor(path: string, lock: FileLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Creates the directory in the data directory, or in /tmp if a path there cannot be the address
   * of a socket.
   *
   * @throws {SnakedenError} `startup_failed` if it cannot be written.
   */
  static async create(dataDir: string, runId: string): Promise<RunDirectory> {
    const root = runDirectoryRoot(dataDir, runId);
    const path = join(root, root === SHORT_ROOT ? `${SHORT_PREFIX}${runId}` : runId);
    try {
      return new RunDirectory(path, await makeLocked(path));
    } catch (error) {
      throw new SnakedenError(
        "startup_failed",
        `Cannot create the run directory ${path}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Removes the directories that killed hosts have left beside this one. First calls `endRuns` with
   * their runs; it returns the runs that it could not end, whose directories stay for the next
   * host. Only one host sweeps at a time.
   */
  async sweep(
    endRuns: (runIds: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<void> {
    using locks = new DisposableStack();
    const dead = await takeAbandoned(this.path, locks);
    const unfinished = await endRuns([...dead.keys()]);
    for (const [runId, path] of dead) {
      if (!unfinished.has(runId)) await removeTree(path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    if (lock === undefined) return;
    using _lock = lock;
    await removeTree(this.path);
  }
}

/**
 * Returns the folder of the directories of runs: in the data directory, or /tmp when a path there
 * cannot be the address of a socket.
 */
export function runDirectoryRoot(dataDir: string, runId = ANY_RUN_ID): string {
  const preferred = join(dataDir, "run");
  return fits(join(preferred, runId)) ? preferred : SHORT_ROOT;
}

/** Creates the directory and locks it. */
async function makeLocked(path: string): Promise<FileLock> {
  const root = dirname(path);
  if (root !== SHORT_ROOT) await makePrivateDirectory(root);
  if (isExposed(await Deno.stat(root))) {
    throw new Error(`others may rename what is in ${root}, which has no sticky bit`);
  }
  while (true) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    // mkdir leaves the mode of a directory that was there already.
    await Deno.chmod(path, 0o700);
    const locking = FileLock.waitExclusive(join(path, LOCK_NAME), { anonymous: true });
    const lock = await unlessMissing(locking);
    // Another host may have swept the directory away before it was locked.
    if (lock === undefined) continue;
    const [directory, uid] = await Promise.all([lstatIfThere(path), lock.uid()]);
    if (directory !== undefined && isOurs(directory, uid)) return lock;
    lock.release();
    if (directory !== undefined) throw new Error("it belongs to another user");
  }
}

/** Locks the directories of dead hosts beside `own`; returns them by run. */
async function takeAbandoned(own: string, locks: DisposableStack): Promise<Map<string, string>> {
  const root = dirname(own);
  const prefix = root === SHORT_ROOT ? SHORT_PREFIX : "";
  const { uid } = await Deno.lstat(own);
  const dead = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    const path = join(root, name);
    if (!name.startsWith(prefix) || !isDirectory || path === own) continue;
    const lock = await lockAbandoned(path, uid);
    if (lock === undefined) continue;
    locks.use(lock);
    if (await isBare(path)) await removeTree(path);
    else dead.set(name.slice(prefix.length), path);
  }
  return dead;
}

/**
 * Takes the lock of a directory whose host is dead. A directory without a lock is being created
 * right now. In /tmp anybody can create a directory with the name of a live run, so a directory
 * counts only if nobody but our user can have created and filled it.
 */
async function lockAbandoned(path: string, uid: number | null): Promise<FileLock | undefined> {
  const directory = await lstatIfThere(path);
  if (directory === undefined || !isOurs(directory, uid)) return undefined;
  // The lock is held while the directory is removed, so a host that is about to lock it notices.
  const lock = await tryLock(join(path, LOCK_NAME));
  if (lock === undefined) return undefined;
  const file = await lstatIfThere(join(path, LOCK_NAME));
  if (file !== undefined && isOurs(file, uid)) return lock;
  lock.release();
  return undefined;
}

/**
 * Returns true if a directory has never held a socket, so that no worker can have been started. Its
 * host may be about to lock it.
 */
async function isBare(path: string): Promise<boolean> {
  const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  return names.every((name) => name === LOCK_NAME);
}

/**
 * Takes a lock if it exists and is free. Returns undefined otherwise, also if the lock belongs to
 * another user.
 */
async function tryLock(path: string): Promise<FileLock | undefined> {
  try {
    const lock = await unlessMissing(FileLock.tryTake(path, "exclusive", { create: false }));
    return lock ?? undefined;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The characters that gRPC takes for parts of a URI, or for a list of addresses. */
const NOT_IN_AN_ADDRESS = /[%#?,]/;

function fits(directory: string): boolean {
  if (NOT_IN_AN_ADDRESS.test(directory)) return false;
  const bytes = new TextEncoder().encode(join(directory, SOCKET_NAME)).byteLength;
  return bytes <= MAX_SOCKET_PATH_BYTES;
}
