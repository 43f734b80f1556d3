import { dirname } from "node:path";

/** Permissions of anybody but the owner. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** In such a directory nobody may rename or remove what belongs to somebody else. */
const STICKY = 0o1000;

/** What {@link Deno.lstat} says of a path; undefined when nothing is there. */
export async function lstatIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * True for a file or a directory, and no link to one, that belongs to `uid` and that nobody else may write. `info` is what
 * {@link Deno.lstat} says: whoever follows a link sees the owner of what it leads to.
 */
export function isOurs(info: Deno.FileInfo, uid: number | null): boolean {
  return !info.isSymlink && info.uid === uid && ((info.mode ?? 0) & OTHERS_WRITE) === 0;
}

/** True when others may rename what lies in a directory, or put something in its place. */
export function isExposed({ mode }: Deno.FileInfo): boolean {
  return mode !== null && (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
}

/**
 * Makes a directory for our user alone, with all above it that is missing, and closes one that is there already to everybody
 * else. One that somebody else has put there is refused: what lies in it would be read, run or locked as if it were ours.
 *
 * @throws {Error} When it, or a link in its place, belongs neither to us nor to the owner of the directory around it.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const [link, directory, around] = await Promise.all([
    Deno.lstat(path),
    Deno.stat(path),
    Deno.stat(dirname(path)),
  ]);
  const uid = await ownUid(path);
  // Whoever has the directory around it can put anything in its place anyway.
  const trusted: readonly unknown[] = [uid, around.uid];
  for (const it of [link, directory]) {
    if (!trusted.includes(it.uid)) {
      throw new Error(
        `${path} belongs to another user (uid ${it.uid}), who could change all in it`,
      );
    }
  }
  const isOpen = directory.mode !== null && (directory.mode & OTHERS) !== 0;
  if (isOpen && directory.uid === uid) await Deno.chmod(path, 0o700);
}

/** The user whose files are made in a directory. Deno tells the user of the process only with a permission of its own. */
export async function ownUid(directory: string): Promise<number | null> {
  const probe = await Deno.makeTempFile({ dir: directory, prefix: ".probe-" });
  try {
    return (await Deno.lstat(probe)).uid;
  } finally {
    await Deno.remove(probe);
  }
}
