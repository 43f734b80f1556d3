import { messageOf } from "../errors.ts";
import { ownUid } from "../process/mod.ts";

const READ_BY_GROUP = 0o040;
const NOT_OWNER = 0o077;
const MAX_BYTES = 4_096;

/** The keys in a file, unchecked, or the reason why the file cannot be used. */
export type ApiKeyFile = { readonly keys: readonly string[] } | { readonly problem: string };

/**
 * Reads API keys, one a line, from a file that only its owner may read or write. The group may read
 * a file of root when this process runs as another user, as secrets are often mounted. A byte order
 * mark and empty lines are skipped.
 */
export async function readApiKeyFile(path: string): Promise<ApiKeyFile> {
  try {
    const info = await Deno.stat(path);
    if (!info.isFile) return { problem: "it is not a file" };
    if (info.size > MAX_BYTES) return { problem: `it has more than ${MAX_BYTES} bytes` };
    const problem = await exposure(info);
    if (problem !== undefined) return { problem };
    const text = (await Deno.readTextFile(path)).replace(/^\uFEFF/, "");
    const keys = text.split(/\r?\n/).filter((line) => line !== "");
    return keys.length === 0 ? { problem: "it holds no key" } : { keys };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { problem: "there is no such file" };
    return { problem: `it cannot be read (${messageOf(error)})` };
  }
}

/** Describes who else may read or change the file; returns undefined when nobody may. */
async function exposure({ uid, mode }: Deno.FileInfo): Promise<string | undefined> {
  if (mode === null) return undefined;
  // If /tmp cannot be written, the file counts as ours, for which the rule is the strictest.
  const us = await ownUid("/tmp").catch(() => uid);
  if (uid !== us && uid !== 0) return `it belongs to another user (uid ${uid})`;
  const allowed = uid !== us ? READ_BY_GROUP : 0;
  if ((mode & NOT_OWNER & ~allowed) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return `others may read or write it (mode ${shown}); chmod 600 it`;
}
