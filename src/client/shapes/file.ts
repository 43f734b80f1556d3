/** A file that a host keeps: its name, and the length and hash of its bytes. */
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

/** The bytes of a file: in memory, a `Blob` or a `File` of a page, or as they come. */
export type FileBody =
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** Options for a file to add. */
export interface AddFileOptions {
  /** 1 to 255 bytes of UTF-8. Default: that of the `File`, or `file`. */
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

/** Options of a list of files. */
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

/** Files, for the arguments of calls and jobs. */
export interface DenFiles {
  /** Adds a file. It is durable when this resolves; if its source breaks off, nothing is left. */
  add(source: FileBody, options?: AddFileOptions): Promise<FileInfo>;
  /** Returns a file. */
  get(id: string): Promise<FileInfo>;
  /** Lists files, the last added first. */
  list(options?: FileListOptions): Promise<FilePage>;
  /** Returns the bytes of a file, or those of a part of it, to be read to the end or cancelled. */
  open(id: string, range?: FileRange): Promise<ReadableStream<Uint8Array>>;
  /** Removes a file, unless a job that is kept names it. */
  remove(id: string): Promise<void>;
}
