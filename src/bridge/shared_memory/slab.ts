import { join } from "node:path";
import { SnakedenError } from "../../errors.ts";
import { SlabSpace } from "./slab_space.ts";

/** What protobuf's uint32 can say, in whole places. */
const MAX_BYTES = 0xffff_f000;

/** Part of a slab's file. */
export interface SlabPlace {
  readonly offset: number;
  readonly length: number;
}

/**
 * The large buffers of one worker's link: two files, one a direction, that the worker maps. Deno
 * cannot map, so the host reads and writes them by position, which copies once. The host owns the
 * space of the file to the worker and the worker that of the other; who receives a place says when
 * it is not in use any more. Twin of slab.py.
 */
export class Slab implements Disposable {
  /** What the worker opens, until {@link unlink}. */
  readonly paths: { readonly toWorker: string; readonly toHost: string };
  /** Length of each file. */
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
   * Makes both files, which take no room before they are written.
   *
   * @param directory One that nobody else can read, and that is removed when the host has died
   * before {@link unlink}.
   * @param bytes Length of each file, at most 4 GiB less a page.
   * @throws {Error} What stood in the way of making them; nothing is left then.
   */
  static create(directory: string, name: string, bytes: number): Slab {
    if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_BYTES) {
      throw new RangeError(`Cannot make a slab of ${bytes} bytes: it has 1 to ${MAX_BYTES}`);
    }
    const path = join(directory, name);
    return new Slab({ toWorker: `${path}.to_worker`, toHost: `${path}.to_host` }, bytes);
  }

  /** How many places to the worker are in use. */
  get placesInUse(): number {
    return this.#space.count;
  }

  /**
   * Removes the names once the worker has opened them: the memory is then gone with the last of the
   * two processes.
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
   * Copies a buffer to where the worker sees it; returns its offset, or undefined when there is no
   * room, or the system refuses it, such as a full disk.
   */
  write(buffer: Uint8Array): number | undefined {
    const offset = this.#space.allocate(buffer.byteLength);
    if (offset === undefined) return undefined;
    try {
      writeAt(this.#toWorker, offset, buffer);
      return offset;
    } catch (error) {
      this.#space.release(offset);
      // The files are sparse: the disk may have less room than they promise.
      if (isFromSystem(error)) return undefined;
      throw error;
    }
  }

  /**
   * Takes places back that the worker does not use any more, or never got. Those that are not in
   * use are ignored.
   */
  release(offsets: Iterable<number>): void {
    for (const offset of offsets) this.#space.release(offset);
  }

  /**
   * Copies what the worker wrote into memory of its own, aligned for every element type.
   *
   * @throws {SnakedenError} `invalid_value` for a place that no worker of this version sends.
   */
  read({ offset, length }: SlabPlace): Uint8Array<ArrayBuffer> {
    // Before the memory is asked for: a length that is not true must not cost anything.
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

  /** Closes the files, and removes them when that was not done. */
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
