import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { BulkArea, BulkNote, BulkRecord } from "../calls/mod.ts";
import type { ProgressNote } from "../profiles/mod.ts";

const AREAS = 2;
const AREA_BYTES = 131_072;
const HEADER_BYTES = 32;
const FILE_BYTES = HEADER_BYTES + AREAS * AREA_BYTES;
/** The item of a bulk call before its first one. */
const NO_ITEM = 0xffff_ffff;
/** The numbers at the beginning of the file, by their place. */
const CELL = { call: 0, item: 1, bulkCall: 2, first: 3, length: 4 } as const;
const AREA_CELLS = 2;
/** The times that a record is read again because the worker has written meanwhile. */
const MAX_READS = 10;

/**
 * The file in which a worker records what it runs: the call that it starts, and for a bulk call the
 * item, and outcomes that may not have arrived. The worker maps it, so that a record costs no
 * system call; the host reads it when the worker is dead, or a bulk call is stopped. Twin of
 * progress_cell.py, which describes the parts.
 */
export class ProgressFile implements ProgressNote, BulkRecord {
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
      const bytes = new Uint8Array(FILE_BYTES);
      for (let at = 0; at < FILE_BYTES;) at += await file.write(bytes.subarray(at));
      return created;
    } catch (error) {
      await created.remove();
      created[Symbol.dispose]();
      throw error;
    }
  }

  startedCall(): number {
    return this.#header()[CELL.call] ?? 0;
  }

  bulkNote(): BulkNote | undefined {
    if (this.#isClosed) return undefined;
    for (let reads = 0; reads < MAX_READS; reads++) {
      const before = this.#header();
      const callId = before[CELL.bulkCall] ?? 0;
      if (callId === 0) return undefined;
      // An item is noted after the outcomes of those before it, and so they are read later.
      const lengths = this.#header();
      const areas = Array.from({ length: AREAS }, (_, area) => this.#area(area, lengths));
      if (!isKept(lengths, this.#header())) continue;
      const item = before[CELL.item];
      return { callId, item: item === NO_ITEM ? undefined : item, areas };
    }
    return undefined;
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

  /** Every processor that Deno runs on is little-endian, and so are these numbers. */
  #header(): Uint32Array {
    const bytes = this.#read(0, HEADER_BYTES);
    return new Uint32Array(bytes.buffer);
  }

  #area(area: number, header: Uint32Array): BulkArea {
    const first = header[CELL.first + area * AREA_CELLS] ?? 0;
    const length = Math.min(AREA_BYTES, header[CELL.length + area * AREA_CELLS] ?? 0);
    const bytes = this.#read(HEADER_BYTES + area * AREA_BYTES, length);
    return { first, text: new TextDecoder().decode(bytes) };
  }

  /** Reads bytes; those behind the end of the file are 0. */
  #read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const count = this.#file.readSync(bytes.subarray(at));
      if (count === null) break;
      at += count;
    }
    return bytes;
  }
}

/** Returns true if the areas still have what they had: an area only grows until it is used anew. */
function isKept(before: Uint32Array, after: Uint32Array): boolean {
  if (before[CELL.bulkCall] !== after[CELL.bulkCall]) return false;
  return Array.from({ length: AREAS }, (_, area) => area * AREA_CELLS).every((cells) =>
    before[CELL.first + cells] === after[CELL.first + cells] &&
    (before[CELL.length + cells] ?? 0) <= (after[CELL.length + cells] ?? 0)
  );
}
