/** Returns the state of a file, which changes when its text may have; empty if it is missing. */
export async function fileState(path: string): Promise<string> {
  try {
    const { ino, size, mtime } = await Deno.stat(path);
    return `${ino} ${size} ${mtime?.getTime()}`;
  } catch {
    return "";
  }
}

/** Returns the hash of a file; empty if it cannot be read. */
export async function fileHash(path: string): Promise<string> {
  try {
    return await textHash(await Deno.readFile(path));
  } catch {
    return "";
  }
}

/** Returns the hash of a text or of bytes. */
export async function textHash(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
