import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { ProgressNote } from "../profiles/mod.ts";

const FILE_BYTES = 8;

/**
 * The file in which a worker records the id of the call that it starts, and the
 * index of the item of a bulk call. The worker maps it, so that
 * a record costs no system call; the host reads it when the worker is dead. Twin of
 * progress_cell.py.
 */
export class ProgressFile implements ProgressNote {
  readonly path: string;
  readonly #file: Deno.FsFile;
  #isClosed = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Creates the file, readable by nobody else, and opens it. */
  static async create(path: string): Promise<ProgressFile> {
    const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
    const created = new ProgressFile(path, file);
    try {
      // Written rather than extended: on a full disk, a hole would end the worker with a SIGBUS.
      await file.write(new Uint8Array(FILE_BYTES));
      return created;
    } catch (error) {
      await created.remove();
      created[Symbol.dispose]();
      throw error;
    }
  }

  startedCall(): number {
    return this.#numberAt(0);
  }

  startedItem(): number {
    return this.#numberAt(4);
  }

  #numberAt(offset: number): number {
    const bytes = new Uint8Array(4);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    const length = this.#file.readSync(bytes);
    // Every processor that Deno runs on is little-endian.
    return length === bytes.length ? new DataView(bytes.buffer).getUint32(0, true) : 0;
  }

  /**
   * Removes the name of the file; those who have it open keep it. A file that is left behind goes
   * with the run directory.
   */
  async remove(): Promise<void> {
    try {
      await Deno.remove(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      getLogger("pool").warn("cannot remove {path}: {problem}", {
        path: this.path,
        problem: messageOf(error),
      });
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
  }
}
