import type { Page, PageAsk } from "../../../session_store.ts";
import {
  checkNewFile,
  checkQuota,
  type FileFilter,
  type FileRow,
  type FileStore,
  type FileTotals,
  type NewFile,
  noJobOfFile,
  type PinnedFiles,
  takenFileId,
  unknownFileOfJob,
} from "../../files/mod.ts";
import { jobCursor, readJobCursor } from "../../job_cursor.ts";
import type { NewJob } from "../../new_job.ts";
import type { BlobNames } from "./blob_names.ts";
import { SortedRows } from "../sorted_rows.ts";

/** A file with all that belongs to it. */
interface StoredFile {
  readonly row: Omit<FileRow, "expiresAt" | "job">;
  readonly seq: number;
  expiresAt: number | undefined;
  job: string | undefined;
  /** The jobs that name it. */
  readonly users: Set<string>;
  pins: number;
}

/** Dependencies of {@link MemoryFiles}. */
export interface MemoryFilesDeps {
  readonly blobs: BlobNames;
  /** Returns true for a job that is kept. */
  readonly isJob: (id: string) => boolean;
}

/** The files of a store that lives as long as its host. The times are given by the caller. */
export class MemoryFiles {
  readonly #deps: MemoryFilesDeps;
  readonly #files = new Map<string, StoredFile>();
  readonly #all = newestFirst();
  /** The files that a job has made, and those that it names. */
  readonly #made = new Map<string, SortedRows<StoredFile>>();
  readonly #named = new Map<string, readonly string[]>();
  /** The files with a time to live that no job names, by its end. */
  readonly #expiring = new SortedRows<StoredFile>((a, b) =>
    (a.expiresAt ?? 0) - (b.expiresAt ?? 0) || a.seq - b.seq
  );
  #lastSeq = 0;
  #bytes = 0;
  #pins = 0;

  constructor(deps: MemoryFilesDeps) {
    this.#deps = deps;
  }

  add(file: NewFile, now: number): FileRow {
    checkNewFile(file);
    const { id, name, mediaType, bytes, sha256, kept } = file;
    if (this.#files.has(id)) throw takenFileId(id);
    if ("job" in kept && !this.#deps.isJob(kept.job)) throw noJobOfFile(kept.job);
    checkQuota(file, this.totals());
    const stored: StoredFile = {
      row: {
        id,
        name,
        ...(mediaType !== undefined && { mediaType }),
        bytes,
        sha256,
        createdAt: now,
      },
      seq: ++this.#lastSeq,
      expiresAt: "job" in kept ? undefined : now + kept.ttlMs,
      job: "job" in kept ? kept.job : undefined,
      users: new Set(),
      pins: 0,
    };
    this.#deps.blobs.name(sha256);
    this.#files.set(id, stored);
    this.#all.add(stored);
    this.#bytes += bytes;
    if (stored.expiresAt !== undefined) this.#expiring.add(stored);
    if (stored.job !== undefined) {
      const made = this.#made.get(stored.job) ?? newestFirst();
      made.add(stored);
      this.#made.set(stored.job, made);
    }
    return rowOf(stored);
  }

  get(ids: readonly string[], now: number): (FileRow | undefined)[] {
    return ids.map((id) => {
      const file = this.#find(id, now);
      return file && rowOf(file);
    });
  }

  list(filter: FileFilter, { after, limit }: PageAsk, now: number): Page<FileRow> {
    const { job } = filter;
    const files = job === undefined ? this.#all : this.#made.get(job);
    const found: StoredFile[] = [];
    let before = after === undefined ? Infinity : readJobCursor("files", filter, after);
    while (files !== undefined && found.length <= limit) {
      const part = files.from((it) => it.seq < before, limit + 1);
      found.push(...part.filter((it) => isThere(it, now)));
      const last = part.at(-1);
      if (last === undefined || part.length <= limit) break;
      before = last.seq;
    }
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return {
      items: page.map(rowOf),
      ...(hasMore && { next: jobCursor("files", filter, last.seq) }),
    };
  }

  remove(id: string, now: number): Awaited<ReturnType<FileStore["removeFile"]>> {
    const file = this.#find(id, now);
    if (file === undefined) return "unknown";
    if (file.users.size > 0 || file.pins > 0) return "in_use";
    this.#drop(file);
    return "removed";
  }

  jobOf(id: string): string | undefined {
    const [job] = this.#files.get(id)?.users ?? [];
    return job;
  }

  totals(): FileTotals {
    return { files: this.#files.size, bytes: this.#bytes };
  }

  pin(ids: readonly string[], now: number): PinnedFiles {
    const pinned = ids.map((id) => this.#find(id, now));
    const add = (count: 1 | -1): void => {
      for (const file of pinned) if (file !== undefined) file.pins += count;
      this.#pins += count * pinned.length;
    };
    add(1);
    let isPinned = true;
    return {
      files: pinned.map((it) => it && rowOf(it)),
      [Symbol.dispose]: () => {
        if (isPinned) add(-1);
        isPinned = false;
      },
    };
  }

  /**
   * Refuses jobs that name files that do not exist.
   *
   * @throws {SnakedenError} `unknown_file`, naming the first one.
   */
  check(jobs: readonly NewJob[], now: number, isKnown: (job: NewJob) => boolean): void {
    for (const [i, job] of jobs.entries()) {
      const { files } = job;
      if (files === undefined) continue;
      const missing = files.findIndex((id) => this.#find(id, now) === undefined);
      if (missing >= 0 && !isKnown(job)) {
        throw unknownFileOfJob(i, missing, files[missing] ?? "");
      }
    }
  }

  /** Notes the files that a job names, instead of those that it has named before. */
  refer(job: string, { files = [] }: Pick<NewJob, "files">): void {
    const before = this.#named.get(job);
    if (files.length === 0 && before === undefined) return;
    for (const id of before ?? []) this.#release(id, job);
    for (const id of files) {
      const file = this.#files.get(id);
      if (file === undefined) continue;
      if (file.expiresAt !== undefined && file.users.size === 0) this.#expiring.delete(file);
      file.users.add(job);
    }
    if (files.length === 0) this.#named.delete(job);
    else this.#named.set(job, [...files]);
  }

  /** Takes a job that is removed from its files. */
  jobRemoved(job: string, now: number): void {
    this.refer(job, {});
    const made = this.#made.get(job);
    if (made === undefined) return;
    this.#made.delete(job);
    for (const file of made.from(() => true, made.size)) {
      file.job = undefined;
      file.expiresAt = now;
      if (file.users.size === 0) this.#expiring.add(file);
    }
  }

  /** Removes up to `limit` files whose time is over. Returns true if there are more. */
  sweep(now: number, limit: number): boolean {
    const due = this.#expiring.from(() => true, limit + this.#pins + 1)
      .filter(({ expiresAt = 0, pins }) => expiresAt <= now && pins === 0);
    for (const file of due.slice(0, limit)) this.#drop(file);
    return due.length > limit;
  }

  #find(id: string, now: number): StoredFile | undefined {
    const file = this.#files.get(id);
    return file !== undefined && isThere(file, now) ? file : undefined;
  }

  /** Takes a job from the users of a file. */
  #release(id: string, job: string): void {
    const file = this.#files.get(id);
    if (!file?.users.delete(job)) return;
    if (file.expiresAt !== undefined && file.users.size === 0) this.#expiring.add(file);
  }

  #drop(file: StoredFile): void {
    this.#files.delete(file.row.id);
    this.#all.delete(file);
    this.#bytes -= file.row.bytes;
    if (file.expiresAt !== undefined) this.#expiring.delete(file);
    if (file.job !== undefined) {
      const made = this.#made.get(file.job);
      made?.delete(file);
      if (made?.size === 0) this.#made.delete(file.job);
    }
    this.#deps.blobs.release(file.row.sha256);
  }
}

function newestFirst(): SortedRows<StoredFile> {
  return new SortedRows((a, b) => b.seq - a.seq);
}

function isThere({ expiresAt = Infinity, users }: StoredFile, now: number): boolean {
  return expiresAt > now || users.size > 0;
}

function rowOf({ row, expiresAt, job }: StoredFile): FileRow {
  return {
    ...row,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(job !== undefined && { job }),
  };
}
