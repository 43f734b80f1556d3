import { join } from "node:path";
import { SnakedenError } from "../../errors.ts";
import { SlabSpace } from "./slab_space.ts";

/** The largest multiple of 4 KiB below the limit of a uint32. */
const MAX_BYTES = 0xffff_f000;

/** A part of one file of a slab. */
export interface SlabPlace {
  readonly offset: number;
  readonly length: number;
}

/**
 * The memory that the host shares with one worker: two files, one for each direction. The worker
 * maps them. Deno cannot map files, so the host reads and writes them by position, which copies
 * once. The sender of each direction allocates places in its file; the receiver releases them. Twin
 * of slab.py.
 */
export class Slab implements Disposable {
  /** The files that the worker opens; they are there until {@link unlink}. */
  readonly paths: { readonly toWorker: string; readonly toHost: string };
  /** The length of each file. */
  readonly bytes: number;
  readonly #toWorker: Deno.FsFile;
  readonly #toHost: Deno.FsFile;
  readonly #space: SlabSpace;
  #state: "linked" | "unlinked" | "disposed" = "linked";

  private constructor(paths: Slab["paths"], bytes: number) {
    this.paths = paths;
    this.bytes = bytes;
    this.#space = new SlabSpace(bytes);
    this.#toWorker = makeFile(paths.toWorker, bytes);
    try {
      this.#toHost = makeFile(paths.toHost, bytes);
    } catch (error) {
      this.#toWorker.close();
      Deno.removeSync(paths.toWorker);
      throw error;
    }
  }

  /**
   * Creates both files. They take no space before they are written.
   *
   * @param directory A directory that no other user can enter, and that somebody removes if the
   * host dies before {@link unlink}.
   * @param bytes The length of each file: at most 4 GiB less 4 KiB.
   * @throws {Error} If the files cannot be created; none is left then.
   */
  static create(directory: string, name: string, bytes: number): Slab {
    if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_BYTES) {
      throw new RangeError(
        `Cannot create shared memory of ${bytes} bytes: its size must be 1 to ${MAX_BYTES}`,
      );
    }
    const path = join(directory, name);
    return new Slab({ toWorker: `${path}.to_worker`, toHost: `${path}.to_host` }, bytes);
  }

  /** The number of places that the worker has not released. */
  get placesInUse(): number {
    return this.#space.count;
  }

  /**
   * Removes the names of the files once the worker has opened them. The system frees the memory
   * when both processes have ended.
   */
  unlink(): void {
    if (this.#state !== "linked") return;
    this.#state = "unlinked";
    for (const path of [this.paths.toWorker, this.paths.toHost]) {
      try {
        Deno.removeSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /**
   * Copies a buffer into the file to the worker. Returns its offset, or undefined if there is no
   * room or the system refuses the write, for example because the disk is full.
   */
  write(buffer: Uint8Array): number | undefined {
    const offset = this.#space.allocate(buffer.byteLength);
    if (offset === undefined) return undefined;
    try {
      writeAt(this.#toWorker, offset, buffer);
      return offset;
    } catch (error) {
      this.#space.release(offset);
      // The files are sparse, so the disk may be full before they are.
      if (isFromSystem(error)) return undefined;
      throw error;
    }
  }

  /**
   * Releases places that the worker no longer uses or never got. Offsets that are not in use are
   * ignored.
   */
  release(offsets: Iterable<number>): void {
    for (const offset of offsets) this.#space.release(offset);
  }

  /**
   * Copies a place that the worker wrote. The copy is aligned for every element type.
   *
   * @throws {SnakedenError} `invalid_value` for a place outside of the file.
   */
  read({ offset, length }: SlabPlace): Uint8Array<ArrayBuffer> {
    // Checked before memory is allocated, so that a wrong length costs nothing.
    if (offset + length > this.bytes) throw outside(offset, length, this.bytes);
    const buffer = new Uint8Array(length);
    this.#toHost.seekSync(offset, Deno.SeekMode.Start);
    for (let done = 0; done < length;) {
      const count = this.#toHost.readSync(done === 0 ? buffer : buffer.subarray(done));
      if (count === null) throw outside(offset, length, offset + done);
      done += count;
    }
    return buffer;
  }

  /** Closes the files, and removes them if {@link unlink} has not. */
  [Symbol.dispose](): void {
    if (this.#state === "disposed") return;
    try {
      this.unlink();
    } finally {
      this.#state = "disposed";
      this.#toWorker.close();
      this.#toHost.close();
    }
  }
}

function makeFile(path: string, bytes: number): Deno.FsFile {
  const file = Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
  try {
    file.truncateSync(bytes);
    return file;
  } catch (error) {
    file.close();
    Deno.removeSync(path);
    throw error;
  }
}

function isFromSystem(error: unknown): boolean {
  return typeof (error as { code?: unknown }).code === "string";
}

function writeAt(file: Deno.FsFile, offset: number, buffer: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < buffer.byteLength;) {
    done += file.writeSync(done === 0 ? buffer : buffer.subarray(done));
  }
}

function outside(offset: number, length: number, end: number): SnakedenError {
  return new SnakedenError(
    "invalid_value",
    `Cannot read a buffer from Python: ${length} bytes at ${offset} of shared memory that ends at ${end}`,
  );
}
