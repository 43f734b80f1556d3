import type { FileInfo, FileSource, StoreFileOptions } from "./file.ts";
import type { Files } from "./files.ts";

/** The files of a page. */
const PAGE = 1_000;

/** A file to keep with its job. */
export interface FileOfJob extends Omit<StoreFileOptions, "job"> {
  readonly source: FileSource;
  readonly name: string;
}

/**
 * Keeps files with a job. An attempt may end with its host after it has kept files, and before the
 * job has ended; the next attempt keeps none of them a second time.
 */
export class FilesOfJob {
  readonly #files: Pick<Files, "store" | "list" | "remove">;
  readonly #job: string;

  constructor(files: Pick<Files, "store" | "list" | "remove">, job: string) {
    this.#files = files;
    this.#job = job;
  }

  /**
   * Keeps a file, unless one of `earlier` has its name and its bytes; returns the one that is kept.
   *
   * @throws {SnakedenError} As {@link Files.store}.
   */
  async keep(
    { source, ...options }: FileOfJob,
    earlier: ReadonlyMap<string, FileInfo>,
  ): Promise<FileInfo> {
    const file = await this.#files.store(source, { ...options, job: this.#job });
    const same = earlier.get(keyOf(file));
    if (same === undefined) return file;
    await this.#files.remove(file.id);
    return same;
  }

  /**
   * Returns the files that the job has now, for {@link FilesOfJob.keep}: at most `most`, the last
   * ones.
   */
  async kept(most = Infinity): Promise<ReadonlyMap<string, FileInfo>> {
    const found = new Map<string, FileInfo>();
    let left = most;
    let cursor: string | undefined;
    do {
      const limit = Math.min(left, PAGE);
      const page = await this.#files.list({ job: this.#job, limit, ...(cursor && { cursor }) });
      for (const it of page.items) found.set(keyOf(it), it);
      cursor = page.cursor;
      left -= limit;
    } while (cursor !== undefined && left > 0);
    return found;
  }
}

function keyOf({ name, sha256 }: FileInfo): string {
  return `${sha256} ${name}`;
}
