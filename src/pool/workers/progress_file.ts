import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { BulkArea, BulkNote, BulkRecord } from "../calls/mod.ts";
import type { ProgressNote } from "../profiles/mod.ts";

const AREAS = 2;
/** The most bytes of an area, and of all areas together unless one record alone has more. */
const AREA_BYTES = 131_072;
const ALL_AREA_BYTES = 1_048_576;
/** The most records of bulk calls. */
const MAX_RECORDS = 256;
const RECORD_BYTES = 32;
/** The item of a bulk call before its first one. */
const NO_ITEM = 0xffff_ffff;
/** The numbers of a record, by their place. */
const CELL = { item: 0, bulkCall: 1, first: 2, length: 3 } as const;
const AREA_CELLS = 2;
/** The times that a record is read again because the worker has written meanwhile. */
const MAX_READS = 10;

/** The places of the parts of a file. */
interface Layout {
  /** The calls that the worker may run at a time. */
  readonly capacity: number;
  /** The records of bulk calls. */
  readonly records: number;
  readonly recordsAt: number;
  readonly areasAt: number;
  readonly areaBytes: number;
  /** The length of the file. */
  readonly bytes: number;
}

/** Returns the places of the parts in the file of a worker; the twin of `layout_of` in Python. */
function layoutOf(capacity: number): Layout {
  const records = Math.min(capacity, MAX_RECORDS);
  const share = Math.floor(ALL_AREA_BYTES / (records * AREAS) / 1024) * 1024;
  const areaBytes = Math.min(AREA_BYTES, share);
  const recordsAt = Math.ceil(4 * capacity / RECORD_BYTES) * RECORD_BYTES;
  const areasAt = recordsAt + records * RECORD_BYTES;
  const bytes = areasAt + records * AREAS * areaBytes;
  return { capacity, records, recordsAt, areasAt, areaBytes, bytes };
}

/**
 * The file in which a worker records what it runs: the calls that it starts, and for each bulk call
 * the item, and outcomes that may not have arrived. The worker maps it, so that a record costs no
 * system call; the host reads it when the worker is dead, or a bulk call is stopped. Twin of
 * progress_cell.py, which describes the parts.
 */
export class ProgressFile implements ProgressNote, BulkRecord {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #layout: Layout;
  #isClosed = false;

  private constructor(path: string, file: Deno.FsFile, layout: Layout) {
    this.path = path;
    this.#file = file;
    this.#layout = layout;
  }

  /**
   * Creates the file, readable by nobody else, and opens it.
   *
   * @param capacity The calls that the worker may run at a time.
   */
  static async create(path: string, capacity = 1): Promise<ProgressFile> {
    const layout = layoutOf(capacity);
    const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
    const created = new ProgressFile(path, file, layout);
    try {
      // Written rather than extended: on a full disk, a hole would end the worker with a SIGBUS.
      const bytes = new Uint8Array(layout.bytes);
      for (let at = 0; at < layout.bytes;) at += await file.write(bytes.subarray(at));
      return created;
    } catch (error) {
      await created.remove();
      created[Symbol.dispose]();
      throw error;
    }
  }

  startedCalls(): readonly number[] {
    return [...this.#numbers(0, 4 * this.#layout.capacity)];
  }

  bulkNote(callId: number): BulkNote | undefined {
    if (this.#isClosed) return undefined;
    for (const [index, cells] of this.#records().entries()) {
      if (cells[CELL.bulkCall] !== callId) continue;
      const note = this.#noteOf(index);
      if (note?.callId === callId) return note;
    }
    return undefined;
  }

  bulkNotes(): readonly BulkNote[] {
    if (this.#isClosed) return [];
    const notes = this.#records().map((cells, index) =>
      cells[CELL.bulkCall] === 0 ? undefined : this.#noteOf(index)
    );
    return notes.filter((it) => it !== undefined);
  }

  #noteOf(index: number): BulkNote | undefined {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const before = this.#record(index);
      const callId = before[CELL.bulkCall] ?? 0;
      if (callId === 0) return undefined;
      // An item is noted after the outcomes of those before it, and so they are read later.
      const lengths = this.#record(index);
      const areas = Array.from({ length: AREAS }, (_, area) => this.#area(index, area, lengths));
      if (!isKept(lengths, this.#record(index))) continue;
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

  #records(): Uint32Array[] {
    const { records, recordsAt } = this.#layout;
    const numbers = this.#numbers(recordsAt, records * RECORD_BYTES);
    const cells = RECORD_BYTES / 4;
    return Array.from({ length: records }, (_, i) => numbers.subarray(i * cells, (i + 1) * cells));
  }

  #record(index: number): Uint32Array {
    return this.#numbers(this.#layout.recordsAt + index * RECORD_BYTES, RECORD_BYTES);
  }

  #area(index: number, area: number, record: Uint32Array): BulkArea {
    const { areasAt, areaBytes } = this.#layout;
    const first = record[CELL.first + area * AREA_CELLS] ?? 0;
    const length = Math.min(areaBytes, record[CELL.length + area * AREA_CELLS] ?? 0);
    const bytes = this.#read(areasAt + (index * AREAS + area) * areaBytes, length);
    return { first, text: new TextDecoder().decode(bytes) };
  }

  /** Every processor that Deno runs on is little-endian, and so are these numbers. */
  #numbers(offset: number, length: number): Uint32Array {
    return new Uint32Array(this.#read(offset, length).buffer);
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
