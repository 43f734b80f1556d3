import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import type { BlobRef } from "../store/mod.ts";
import { ignoreMissing } from "./blob_paths.ts";

/** The bytes that are hashed at once, which takes less than a millisecond. */
export const SLICE_BYTES: number = 256 * 1024;

/** The file of a blob that is written, with the hash of its bytes so far. */
export class PartFile {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #hash: Hash = createHash("sha256");
  #bytes = 0;
  /** The reason why nothing can be written any more. */
  #over: string | undefined;
  #isWriting = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await Deno.open(path, { write: true, createNew: true, mode: 0o600 }));
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
      for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
        await this.#append(chunk.subarray(start, start + SLICE_BYTES));
      }
    } catch (error) {
      this.#over = "a write into it has failed";
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  /** Ends the writes, and returns the name of the bytes. */
  seal(): BlobRef {
    if (this.#over !== undefined) throw new Error(this.#over);
    if (this.#isWriting) throw new Error("its last write has not ended");
    this.#over = "it is finished";
    return { sha256: this.#hash.digest("hex"), bytes: this.#bytes };
  }

  /** Makes the bytes durable, and the file one that is only to be read. */
  async sync(): Promise<void> {
    await Deno.chmod(this.path, 0o444);
    await this.#file.sync();
  }

  /** Closes the file, and removes it if it is still there. */
  async drop(): Promise<void> {
    this.#over ??= "it was given up";
    try {
      this.#file.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await Deno.remove(this.path).catch(ignoreMissing);
  }

  async #append(slice: Uint8Array): Promise<void> {
    let written = this.#file.write(slice);
    this.#hash.update(slice);
    for (let at = 0;;) {
      const count = await written;
      at += count;
      this.#bytes += count;
      if (at === slice.length) return;
      written = this.#file.write(slice.subarray(at));
    }
  }
}

/** Returns the name that the bytes of a file have. */
export async function hashFile(path: string): Promise<BlobRef> {
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
