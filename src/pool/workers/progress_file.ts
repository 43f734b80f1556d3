import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { ProgressNote } from "../profiles/mod.ts";

const FILE_BYTES = 8;

/**
 * The file in which a worker notes the id of the call that it starts. The worker maps it, so that a note costs no system
 * call; the host reads it when the worker is dead. Twin of progress_cell.py.
 */
export class ProgressFile implements ProgressNote {
  readonly path: string;
  readonly #file: Deno.FsFile;
  #isClosed = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Makes the file, for nobody else to read, and opens it. */
  static async create(path: string): Promise<ProgressFile> {
    const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
    const created = new ProgressFile(path, file);
    try {
      // Written, not just made longer: a hole would end the worker with a SIGBUS where the disk is full.
      await file.write(new Uint8Array(FILE_BYTES));
      return created;
    } catch (error) {
      await created.remove();
      created[Symbol.dispose]();
      throw error;
    }
  }

  startedCall(): number {
    const bytes = new Uint8Array(4);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    const length = this.#file.readSync(bytes);
    // Every processor that Deno runs on is little-endian.
    return length === bytes.length ? new DataView(bytes.buffer).getUint32(0, true) : 0;
  }

  /** Takes its name away; who has it open keeps it. What stays behind goes with the run directory. */
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
