import type { BlobRef } from "../../blobs/mod.ts";
import type { Page, PageAsk } from "../../session_store.ts";

/**
 * A file: an id and a name for the bytes of a blob. All times are milliseconds since 1970, by the
 * clock of the store.
 *
 * - `expiresAt` is the end of its time to live. From then on it is kept only while a job names it.
 *   A file of a job has none.
 * - `job` is the job that made it, and with which it is kept.
 */
export interface FileRow extends BlobRef {
  readonly id: string;
  readonly name: string;
  readonly mediaType?: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly job?: string;
}

/** The files that a store may have. */
export interface FileQuota {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** A file to add, of a blob that the caller holds until the file is stored. */
export interface NewFile extends BlobRef {
  /** Chosen by the caller; new. */
  readonly id: string;
  readonly name: string;
  readonly mediaType?: string;
  /** The time to live, or the id of the job that made it and with which it is kept. */
  readonly kept: { readonly ttlMs: number } | { readonly job: string };
  /** Refuses the file if the store would have more with it; no limit if omitted. */
  readonly quota?: FileQuota;
}

/** A choice of files: those that match every field that is there. */
export interface FileFilter {
  /** The files that this job has made. */
  readonly job?: string | undefined;
}

/** The number of files of a store, and the sum of their lengths. */
export interface FileTotals {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Files that stay until this is disposed of, in the order of the ids; undefined for one that does
 * not exist. Disposing twice has the effect of once.
 */
export interface PinnedFiles extends Disposable {
  readonly files: readonly (FileRow | undefined)[];
}

/**
 * Files: names for blobs. They are part of a {@link JobStore}, so that a submission and the files
 * that it names are one commit.
 *
 * **Life.** A file exists until {@link FileStore.removeFile} removes it, or a sweep does once its
 * time to live is over and no job that is kept names it. A file that a job has made has no time to
 * live: it is kept as long as that job, and afterwards as long as other jobs name it. From the end
 * of its time on, no operation sees a file that no job names, whether or not a sweep has run. A job
 * names its files from its submission until it is removed, also while it is retried; a job that is
 * replaced gives up those that the new submission does not name.
 *
 * **Blobs.** A file names its blob in the commit that adds it, and the commit that removes it takes
 * the name away.
 *
 * **Size.** Nothing here depends on the number of files, but for the length of a page. The totals
 * are counted as files come and go.
 */
export interface FileStore {
  /**
   * Adds a file.
   *
   * @throws {InvalidInputError} Naming each field that is not allowed, such as an id that another
   * file has.
   * @throws {SnakedenError} `unknown_job` if the job that made it is not kept;
   * `file_quota_exceeded`.
   */
  addFile(file: NewFile): Promise<FileRow>;
  /** Returns files, in the order of the ids; undefined for one that does not exist. */
  getFiles(ids: readonly string[]): Promise<readonly (FileRow | undefined)[]>;
  /**
   * Lists files, the last added first.
   *
   * @throws {InvalidInputError} For a cursor of another filter, or one that is none.
   */
  listFiles(filter: FileFilter, page: PageAsk): Promise<Page<FileRow>>;
  /**
   * Removes a file. One that a kept job names, or that is pinned, is `in_use` and stays. A file of
   * the job that made it can be removed.
   */
  removeFile(id: string): Promise<"removed" | "in_use" | "unknown">;
  /** Returns a kept job that names a file; undefined if there is none. */
  jobOfFile(id: string): Promise<string | undefined>;
  /** Counts the files, with those whose time is over and that no sweep has removed. */
  fileTotals(): Promise<FileTotals>;
  /**
   * Keeps files from being removed until the result is disposed of, or this store is closed. What
   * is pinned is of this store only: it does not outlive its host.
   */
  pinFiles(ids: readonly string[]): Promise<PinnedFiles>;
}
