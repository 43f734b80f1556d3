import {
  type AcceptedWork,
  checkLimit,
  checkNewFile,
  type FileFilter,
  type FileRow,
  type FileStore,
  type FileTotals,
  jobCursor,
  type NewFile,
  type Page,
  type PageAsk,
  type PinnedFiles,
  readJobCursor,
} from "../store/mod.ts";
import type { ReadOps, RemovedFile, WriteOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";

/** The parts of {@link SqliteFiles}. */
export interface SqliteFilesDeps {
  readonly accepted: AcceptedWork;
  readonly writer: StoreThread<WriteOps>;
  readonly reader: StoreThread<ReadOps>;
}

/** The files of a data directory, which are rows beside its jobs. */
export class SqliteFiles implements FileStore {
  readonly #accepted: AcceptedWork;
  readonly #writer: StoreThread<WriteOps>;
  readonly #reader: StoreThread<ReadOps>;
  /** The number of pins of each pinned file. */
  readonly #pins = new Map<string, number>();

  constructor({ accepted, writer, reader }: SqliteFilesDeps) {
    this.#accepted = accepted;
    this.#writer = writer;
    this.#reader = reader;
  }

  /** The ids of the files that stay. */
  get pinned(): readonly string[] {
    return [...this.#pins.keys()];
  }

  addFile(file: NewFile): Promise<FileRow> {
    return this.#accepted.run("add a file", () => {
      checkNewFile(file);
      return this.#writer.call("addFile", file);
    });
  }

  getFiles(ids: readonly string[]): Promise<readonly (FileRow | undefined)[]> {
    return this.#accepted.run("read files", async () => {
      const files = await this.#reader.call("files", ids);
      return files.map((it) => it ?? undefined);
    });
  }

  listFiles(filter: FileFilter, { after, limit }: PageAsk): Promise<Page<FileRow>> {
    return this.#accepted.run("list files", async () => {
      checkLimit(limit);
      const before = after === undefined ? null : readJobCursor("files", filter, after);
      const ask = { job: filter.job ?? null, before, limit };
      const { rows, next } = await this.#reader.call("listFiles", ask);
      return { items: rows, ...(next !== null && { next: jobCursor("files", filter, next) }) };
    });
  }

  removeFile(id: string): Promise<RemovedFile> {
    return this.#accepted.run("remove a file", async () => {
      if (!this.#pins.has(id)) return await this.#writer.call("removeFile", id);
      const [file] = await this.#reader.call("files", [id]);
      return file === null ? "unknown" : "in_use";
    });
  }

  jobOfFile(id: string): Promise<string | undefined> {
    return this.#accepted.run(
      "read a file",
      async () => await this.#reader.call("jobOfFile", id) ?? undefined,
    );
  }

  fileTotals(): Promise<FileTotals> {
    return this.#accepted.run("count files", () => this.#reader.call("fileTotals", null));
  }

  pinFiles(ids: readonly string[]): Promise<PinnedFiles> {
    return this.#accepted.run("pin files", async () => {
      // Before the question, which the writer answers after all removals that were sent before it:
      // those do not know the pin, and those that are sent later do.
      this.#pin(ids, 1);
      try {
        const files = await this.#writer.call("findFiles", ids);
        const found = ids.filter((_, i) => files[i] !== null);
        // A file whose time is over is not kept from the sweep.
        this.#pin(ids.filter((_, i) => files[i] === null), -1);
        let isPinned = true;
        return {
          files: files.map((it) => it ?? undefined),
          [Symbol.dispose]: () => {
            if (isPinned) this.#pin(found, -1);
            isPinned = false;
          },
        };
      } catch (error) {
        this.#pin(ids, -1);
        throw error;
      }
    });
  }

  #pin(ids: readonly string[], change: 1 | -1): void {
    for (const id of ids) {
      const pins = (this.#pins.get(id) ?? 0) + change;
      if (pins > 0) this.#pins.set(id, pins);
      else this.#pins.delete(id);
    }
  }
}
