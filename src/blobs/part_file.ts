import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import type { BlobRef } from "../store/mod.ts";
import { ignoreMissing } from "./blob_paths.ts";
import type { FileHash, HashThread } from "./hash_thread.ts";

/** The bytes that are hashed at once, which takes less than a millisecond. */
export const SLICE_BYTES: number = 256 * 1024;
/** The bytes that are written at once while the thread hashes them. */
const WRITE_BYTES = 1024 * 1024;
/**
 * Files of at least this length are hashed by the thread. For a shorter one the event loop needs
 * 10 ms at most.
 */
const LARGE_BYTES = 16 * 1024 * 1024;
/**
 * After this many bytes, what was written is synced, while the next bytes are written. At the end
 * little is left to wait for, and other writes to the disk never wait behind a whole file.
 */
const SYNC_BYTES = 64 * 1024 * 1024;

/** The file of a blob that is written, with the hash of its bytes so far. */
export class PartFile {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #thread: HashThread;
  /** The hash by the event loop; undefined once the thread has begun. */
  #hash: Hash | undefined = createHash("sha256");
  /** The hash by the thread, of a file that is large. */
  #followed: FileHash | undefined;
  #bytes = 0;
  /** The file, opened a second time: a sync on the same handle would hold up the writes. */
  #synced: Deno.FsFile | undefined;
  #syncedBytes = 0;
  #syncing: Promise<void> | undefined;
  /** The reason why nothing can be written any more. */
  #over: string | undefined;
  #isWriting = false;

  private constructor(path: string, file: Deno.FsFile, thread: HashThread) {
    this.path = path;
    this.#file = file;
    this.#thread = thread;
  }

  static async create(path: string, thread: HashThread): Promise<PartFile> {
    const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    return new PartFile(path, file, thread);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends bytes, in slices, each of which is hashed while it is written. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#over !== undefined) throw new Error(this.#over);
    if (this.#isWriting) throw new Error("its last write has not ended");
    this.#isWriting = true;
    try {
      for (let start = 0; start < chunk.length;) {
        const bytes = this.#hash === undefined ? WRITE_BYTES : SLICE_BYTES;
        await this.#append(chunk.subarray(start, start + bytes));
        start += bytes;
      }
    } catch (error) {
      this.#over = "a write into it has failed";
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  /** Ends the writes, and returns the name of the bytes. */
  async seal(): Promise<BlobRef> {
    if (this.#over !== undefined) throw new Error(this.#over);
    if (this.#isWriting) throw new Error("its last write has not ended");
    this.#over = "it is finished";
    return { sha256: await this.#digest(), bytes: this.#bytes };
  }

  /** Makes the bytes durable, and the file one that is only to be read. */
  async sync(): Promise<void> {
    await Deno.chmod(this.path, 0o444);
    await this.#syncing;
    await this.#file.sync();
  }

  /** Closes the file, and removes it if it is still there. */
  async drop(): Promise<void> {
    this.#over ??= "it was given up";
    this.#followed?.[Symbol.dispose]();
    closeIfOpen(this.#file);
    closeIfOpen(this.#synced);
    await Deno.remove(this.path).catch(ignoreMissing);
  }

  async #append(slice: Uint8Array): Promise<void> {
    let written = this.#file.write(slice);
    this.#hash?.update(slice);
    for (let at = 0;;) {
      const count = await written;
      at += count;
      this.#bytes += count;
      if (at === slice.length) break;
      written = this.#file.write(slice.subarray(at));
    }
    // Whoever gave the file up during the write has closed all that it had open.
    if (this.#over !== undefined) return;
    if (this.#bytes >= LARGE_BYTES) this.#follow();
    if (this.#bytes - this.#syncedBytes >= SYNC_BYTES) await this.#syncSome();
  }

  #follow(): void {
    this.#followed ??= this.#thread.follow(this.path);
    this.#followed.advance(this.#bytes);
    if (this.#followed.bytes > 0) this.#hash = undefined;
  }

  /** Waits for the last sync, then begins one of what has been written since. */
  async #syncSome(): Promise<void> {
    this.#syncedBytes = this.#bytes;
    await this.#syncing;
    // Without a free descriptor everything is synced at the end.
    this.#synced ??= await Deno.open(this.path, { write: true }).catch(() => undefined);
    if (this.#over !== undefined) closeIfOpen(this.#synced);
    else this.#syncing = this.#synced?.syncData();
    // Thrown by the write that waits for it, or by sync().
    this.#syncing?.catch(() => {});
  }

  async #digest(): Promise<string> {
    if (this.#hash !== undefined) return this.#hash.digest("hex");
    // If the thread cannot, the file is read and hashed here.
    const digest = this.#followed?.digest(this.#bytes).catch(() => undefined);
    return await digest ?? (await hashFile(this.path)).sha256;
  }
}

function closeIfOpen(file: Deno.FsFile | undefined): void {
  try {
    file?.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Returns the name that the bytes of a file have. A large one is hashed by the thread. */
export async function nameOf(path: string, thread: HashThread): Promise<BlobRef> {
  const { size } = await Deno.stat(path);
  if (size < LARGE_BYTES) return await hashFile(path);
  using followed = thread.follow(path);
  try {
    return { sha256: await followed.digest(size), bytes: size };
  } catch {
    // If the thread cannot, the file is read and hashed here.
    return await hashFile(path);
  }
}

async function hashFile(path: string): Promise<BlobRef> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  let bytes = 0;
  const buffer = Buffer.alloc(SLICE_BYTES);
  for (let count; (count = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, count));
    bytes += count;
  }
  return { sha256: hash.digest("hex"), bytes };
}
