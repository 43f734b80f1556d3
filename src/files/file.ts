/** A file that Snakeden keeps: its name, and the length and hash of its bytes. */
export interface FileInfo {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  /** The SHA-256 of the bytes: 64 hexadecimal digits, lower case. */
  readonly sha256: string;
  readonly mediaType?: string;
  /** In ISO 8601, as all times here. */
  readonly createdAt: string;
  /**
   * The end of its time to live; from then on it is kept only while a job names it. Absent of a
   * file that a job has made and is kept with.
   */
  readonly expiresAt?: string;
  /** The id of the job that made it. */
  readonly job?: string;
}

/**
 * The bytes of a file: in memory, a `Blob`, as they come, or a file of this machine, which stays
 * where it is. Bytes in memory must not be changed until the file is stored.
 */
export type FileSource =
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | { readonly path: string };

/** Options of {@link Files.add}. */
export interface AddFileOptions {
  /**
   * 1 to 255 bytes of UTF-8. Default: that of the `File`, the last part of the path, or `file`.
   */
  readonly name?: string;
  /** The media type, such as `text/csv`. Default: that of the `Blob`, if it has one. */
  readonly mediaType?: string;
  /** The time to live, in milliseconds; by default that of the configuration. */
  readonly ttlMs?: number;
  /** The SHA-256 that the bytes must have, in hexadecimal digits. */
  readonly sha256?: string;
  /** Ends the adding; nothing is left then. */
  readonly signal?: AbortSignal;
}

/** Options of the parts of the host that add files. */
export interface StoreFileOptions extends AddFileOptions {
  /** The length of the bytes, if it is known before they come. */
  readonly bytes?: number;
  /** The id of the job that made the file, with which it is kept instead of a time to live. */
  readonly job?: string;
  /** Takes a file of this machine away from its path. Nobody may have it open for writing. */
  readonly move?: boolean;
}

/** Options of {@link Files.list}. */
export interface FileListOptions {
  /** The cursor of the page before. */
  readonly cursor?: string;
  /** The most files of the page: 1 to 1,000. Default 100. */
  readonly limit?: number;
  /** The id of a job: only the files that it has made. */
  readonly job?: string;
}

/** A page of files. */
export interface FilePage {
  readonly items: readonly FileInfo[];
  /** The cursor of the next page; absent on the last one. */
  readonly cursor?: string;
}

/** The first byte of a part of a file, and the one behind its last. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** Files that are not removed until this is disposed of. */
export interface Pinned extends Disposable {
  /** The files, in the order of the ids. */
  readonly files: readonly FileInfo[];
}
