import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { Semaphore } from "../async/mod.ts";
import type { FilesConfig } from "../config/mod.ts";
import { InvalidInputError, messageOf, SnakedenError } from "../errors.ts";
import type { Blobs, FileQuota, FileRow, FileTotals, HeldBlob, JobStore } from "../store/mod.ts";
import {
  checkedList,
  type CheckedOptions,
  checkedOptions,
  isPath,
  namedCursor,
  noSource,
} from "./check_file.ts";
import type {
  AddFileOptions,
  FileInfo,
  FileListOptions,
  FilePage,
  FileRange,
  FileSource,
  Pinned,
  StoreFileOptions,
} from "./file.ts";
import { bytesGone, fileInUse, refusedFile, unknownFile, wrongHash } from "./file_errors.ts";
import { type OpenUpload, OpenUploads } from "./open_uploads.ts";
import { sourceChunks } from "./source_chunks.ts";

/** The files of this machine that are taken at once. */
const MAX_LOCAL = 8;

/** Dependencies of {@link Files}. */
export interface FilesDeps {
  /** The store of files and the blobs, or the reason why there are none. */
  readonly store: FilesStore | SnakedenError;
  readonly config: FilesConfig;
  readonly maxFileBytes: number;
  /** Aborts when the host stops, which ends the files whose bytes are still coming. */
  readonly signal?: AbortSignal;
}

/** The store of files, and that of their bytes. */
export interface FilesStore {
  readonly files: Pick<
    JobStore,
    | "addFile"
    | "areNamed"
    | "fileTotals"
    | "getFiles"
    | "jobOfFile"
    | "listFiles"
    | "pinFiles"
    | "removeFile"
  >;
  readonly blobs: Blobs;
}

/**
 * Files: bytes of any length under an id, for the arguments of calls and jobs, and for what tools
 * make. A file is stored when its adding resolves. It is kept for its time to live, and as long as
 * a job that is kept names it. Bytes are streamed, and never in memory as a whole.
 *
 * Every method throws `store_unavailable` if this program has no store of jobs, because another one
 * has the data directory.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * const file = await den.files.add(new TextEncoder().encode("a,b\n1,2\n"), { name: "table.csv" });
 * const text = await new Response(await den.files.open(file.id)).text();
 * console.log(file.bytes, file.sha256, text);
 * ```
 */
export class Files {
  readonly #store: FilesStore | SnakedenError;
  readonly #config: FilesConfig;
  readonly #uploads: OpenUploads;
  /** Tools must not fail because others upload much, or slowly. */
  readonly #local = new Semaphore(MAX_LOCAL);

  /** Programs get theirs from {@link Snakeden.files}. */
  constructor({ store, config, maxFileBytes, signal }: FilesDeps) {
    this.#store = store;
    this.#config = config;
    this.#uploads = new OpenUploads({ ...config, maxFileBytes }, { signal });
  }

  /**
   * Adds a file. It is durable when this resolves; if its source breaks off, nothing is left.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, such as `sha256` if
   * the bytes have another hash; `file_too_large`; `file_quota_exceeded`; `server_busy` while
   * `files.maxUploads` others are being added, or if its bytes come at less than 1,000 a second and
   * another file needs its place; `shutting_down` if the host stops; `store_failed`. An error of
   * the source is thrown as it is. A file of this machine is never busy: it waits for its turn.
   */
  async add(source: FileSource, options: AddFileOptions = {}): Promise<FileInfo> {
    return await this.store(source, options);
  }

  /**
   * Adds a file like {@link Files.add}, for the parts of a host.
   *
   * @throws {SnakedenError} As {@link Files.add}; `unknown_job`.
   */
  async store(source: FileSource, options: StoreFileOptions): Promise<FileInfo> {
    if (this.#store instanceof SnakedenError) throw this.#store;
    if (typeof source !== "object" || source === null) throw noSource(source);
    const checked = checkedOptions(source, options);
    checked.signal?.throwIfAborted();
    if (!isPath(source)) return await this.#stored(source, checked);
    return await this.#local.enter(() => this.#stored(source, checked), checked.signal);
  }

  async #stored(source: FileSource, checked: CheckedOptions): Promise<FileInfo> {
    const { files, blobs } = this.#parts;
    const isLocal = isPath(source);
    const bytes = isLocal ? await lengthOf(source.path) : checked.bytes;
    using upload = this.#uploads.begin(bytes, { isLocal });
    const totals = await files.fileTotals();
    upload.expect(bytes ?? 0, totals);
    const blob = await this.#blobOf(source, { upload, totals, checked });
    try {
      const { sha256, signal } = checked;
      // A file of this machine is taken as a whole.
      signal?.throwIfAborted();
      if (sha256 !== undefined && sha256 !== blob.sha256) throw wrongHash(sha256, blob.sha256);
      const row = await files.addFile(this.#newFile(blob, checked));
      blob[Symbol.dispose]();
      return infoOf(row);
    } catch (error) {
      blob[Symbol.dispose]();
      const isNamed = async (): Promise<boolean> => {
        const [named = true] = await files.areNamed([blob.sha256]);
        return named;
      };
      // The next start finds what cannot be removed here.
      await blobs.remove(blob.sha256, isNamed).catch(() => {});
      throw error;
    }
  }

  /**
   * Returns a file.
   *
   * @throws {SnakedenError} `unknown_file`.
   */
  async get(id: string): Promise<FileInfo> {
    const [file] = await this.#parts.files.getFiles([id]);
    if (file === undefined) throw unknownFile(id);
    return infoOf(file);
  }

  /**
   * Lists files, the last added first.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong.
   */
  async list(options: FileListOptions = {}): Promise<FilePage> {
    const { filter, page } = checkedList(options);
    const { items, next } = await this.#parts.files.listFiles(filter, page).catch(namedCursor);
    return { items: items.map(infoOf), ...(next === undefined ? {} : { cursor: next }) };
  }

  /**
   * Returns the bytes of a file, or those of a part of it. The caller reads the stream to its end,
   * or cancels it.
   *
   * @throws {SnakedenError} `unknown_file`; `invalid_input` for a range that is not in the file;
   * `store_failed` if the bytes are damaged.
   */
  async open(id: string, range?: FileRange): Promise<ReadableStream<Uint8Array>> {
    return await this.read(await this.get(id), range);
  }

  /** Returns the bytes of a file like {@link Files.open}, whose description is at hand. */
  async read(
    file: Pick<FileInfo, "id" | "sha256" | "bytes">,
    range?: FileRange,
  ): Promise<ReadableStream<Uint8Array>> {
    const stream = await this.#parts.blobs.open(file, range);
    if (stream === undefined) throw bytesGone(file);
    return stream;
  }

  /**
   * Removes a file.
   *
   * @throws {SnakedenError} `unknown_file`; `file_in_use` while a job that is kept names it, or a
   * call that runs.
   */
  async remove(id: string): Promise<void> {
    const { files } = this.#parts;
    const answer = await files.removeFile(id);
    if (answer === "unknown") throw unknownFile(id);
    if (answer === "in_use") throw fileInUse(id, await files.jobOfFile(id));
  }

  /**
   * Keeps files from being removed until the result is disposed of.
   *
   * @throws {SnakedenError} `unknown_file`, naming the first one.
   */
  async pin(ids: readonly string[]): Promise<Pinned> {
    const pinned = await this.#parts.files.pinFiles(ids);
    try {
      const files = pinned.files.map((it, i) => {
        if (it === undefined) throw unknownFile(ids[i] ?? "");
        return infoOf(it);
      });
      return { files, [Symbol.dispose]: () => pinned[Symbol.dispose]() };
    } catch (error) {
      pinned[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Puts a file at a path of this machine at which nothing is, only to be read. It stays there when
   * the file is removed.
   *
   * @throws {SnakedenError} `store_failed` if the bytes are damaged.
   */
  async link(file: Pick<FileInfo, "id" | "sha256" | "bytes">, path: string): Promise<void> {
    if (!await this.#parts.blobs.link(file, path)) throw bytesGone(file);
  }

  get #parts(): FilesStore {
    if (this.#store instanceof SnakedenError) throw this.#store;
    return this.#store;
  }

  #newFile(
    { bytes, sha256 }: HeldBlob,
    { name, mediaType, ttlMs = this.#config.ttlMs, job }: CheckedOptions,
  ): Parameters<FilesStore["files"]["addFile"]>[0] {
    const { maxFiles, maxTotalBytes } = this.#config;
    const quota: FileQuota = { maxFiles, maxBytes: maxTotalBytes };
    return {
      id: randomUUID(),
      name,
      ...(mediaType === undefined ? {} : { mediaType }),
      bytes,
      sha256,
      kept: job === undefined ? { ttlMs } : { job },
      quota,
    };
  }

  async #blobOf(
    source: FileSource,
    { upload, totals, checked }: {
      readonly upload: OpenUpload;
      readonly totals: FileTotals;
      readonly checked: CheckedOptions;
    },
  ): Promise<HeldBlob> {
    const { blobs } = this.#parts;
    if (isPath(source)) return await blobs.adopt(source.path, { move: checked.move ?? false });
    await using writer = await blobs.create();
    const signal = checked.signal === undefined
      ? upload.signal
      : AbortSignal.any([upload.signal, checked.signal]);
    upload.receive();
    for await (const chunk of sourceChunks(source, signal)) {
      upload.take(chunk.byteLength, totals);
      await writer.write(chunk);
    }
    upload.received();
    return await writer.finish();
  }
}

async function lengthOf(path: string): Promise<number> {
  try {
    const { size } = await stat(path);
    return size;
  } catch (error) {
    const message = `given ${JSON.stringify(path)}, which cannot be read (${messageOf(error)}); ` +
      "allowed: the path of a file";
    throw error instanceof InvalidInputError ? error : refusedFile([{ path: "source", message }]);
  }
}

function infoOf(row: FileRow): FileInfo {
  const { id, name, bytes, sha256, mediaType, createdAt, expiresAt, job } = row;
  return {
    id,
    name,
    bytes,
    sha256,
    ...(mediaType === undefined ? {} : { mediaType }),
    createdAt: new Date(createdAt).toISOString(),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
    ...(job === undefined ? {} : { job }),
  };
}
