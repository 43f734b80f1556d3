import { join } from "node:path";

/** Returns the bytes of all files below `path`. Entries that vanish meanwhile count as 0. */
export async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name, isDirectory } of entriesOf(folder)) {
      const entry = join(folder, name);
      if (isDirectory) folders.push(entry);
      else bytes += await fileSize(entry);
    }
  }
  return bytes;
}

/** Formats a size, such as `47.9 MB`. */
export function megabytes(bytes: number): string {
  if (bytes > 0 && bytes < 1e5) return "under 0.1 MB";
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await Deno.lstat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
