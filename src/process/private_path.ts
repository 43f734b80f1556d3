import { dirname } from "node:path";

/** The permission bits of everybody but the owner. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** The sticky bit: in such a directory nobody may rename or remove files of another user. */
const STICKY = 0o1000;

/** Returns {@link Deno.lstat} of a path; undefined if nothing is there. */
export async function lstatIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Returns true for a file or a directory that belongs to `uid` and that nobody else may write. A
 * link returns false, so `info` must come from {@link Deno.lstat}, which does not follow links.
 */
export function isOurs(info: Deno.FileInfo, uid: number | null): boolean {
  return !info.isSymlink && info.uid === uid && ((info.mode ?? 0) & OTHERS_WRITE) === 0;
}

/** Returns true when other users may rename or replace the contents of a directory. */
export function isExposed({ mode }: Deno.FileInfo): boolean {
  return mode !== null && (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
}

/**
 * Creates a directory for our user alone, with its missing parents. An existing directory is closed
 * to everybody else. A directory of another user is refused, since its contents would be read, run
 * or locked as if they were ours.
 *
 * @throws {Error} If the directory, or a link in its place, belongs neither to us nor to the owner
 * of its parent.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const [link, directory, around] = await Promise.all([
    Deno.lstat(path),
    Deno.stat(path),
    Deno.stat(dirname(path)),
  ]);
  const uid = await ownUid(path);
  // The owner of the parent directory can replace it anyway.
  const trusted: readonly unknown[] = [uid, around.uid];
  for (const it of [link, directory]) {
    if (!trusted.includes(it.uid)) {
      throw new Error(
        `${path} belongs to another user (uid ${it.uid}), who could change everything in it`,
      );
    }
  }
  const isOpen = directory.mode !== null && (directory.mode & OTHERS) !== 0;
  if (isOpen && directory.uid === uid) await Deno.chmod(path, 0o700);
}

/**
 * Returns the user of this process, read from a file that it creates in the directory. Asking Deno
 * would need another permission.
 */
export async function ownUid(directory: string): Promise<number | null> {
  const probe = await Deno.makeTempFile({ dir: directory, prefix: ".probe-" });
  try {
    return (await Deno.lstat(probe)).uid;
  } finally {
    await Deno.remove(probe);
  }
}
