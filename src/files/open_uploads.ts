import type { FilesConfig } from "../config/mod.ts";
import { checkQuota, type FileTotals } from "../store/mod.ts";
import { fileTooLarge, stopping, tooManyUploads, tooSlow } from "./file_errors.ts";

/** The bounds on files that are being added. */
export type UploadLimits = Pick<FilesConfig, "maxFiles" | "maxTotalBytes" | "maxUploads"> & {
  readonly maxFileBytes: number;
};

/** Options of {@link OpenUploads}. */
export interface UploadOptions {
  readonly now?: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** The rate below which a file gives its place to another one that waits for it. */
const LEAST_BYTES_PER_MS = 1;
/** The time for which a file may be slower than that, such as that of a pause. */
const PATIENCE_MS = 10_000;

/**
 * The files that are being added, bounded in number and in bytes. The store checks the quota again
 * when a file is added; here it is checked early, so that no disk is filled in vain.
 *
 * A place is not kept by sending a byte now and then: when all are taken, those whose bytes come at
 * less than {@link LEAST_BYTES_PER_MS} lose theirs.
 */
export class OpenUploads {
  readonly #limits: UploadLimits;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<Upload>();
  /** The places that are taken. */
  #taken = 0;
  #bytes = 0;

  /**
   * @param options `now` returns milliseconds, and never decreases. When `signal` aborts, all files
   * whose bytes are still coming end with `shutting_down`.
   */
  constructor(
    limits: UploadLimits,
    { now = () => performance.now(), signal }: UploadOptions = {},
  ) {
    this.#limits = limits;
    this.#now = now;
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.#close(), { once: true });
  }

  /**
   * Begins to add a file. One of this machine, whose bytes are all there, needs no place.
   *
   * @throws {SnakedenError} `server_busy` if too many are being added, `file_too_large`, or
   * `shutting_down`.
   */
  begin(
    declaredBytes: number | undefined,
    { isLocal = false }: { readonly isLocal?: boolean } = {},
  ): OpenUpload {
    const { maxUploads, maxFileBytes } = this.#limits;
    if (this.#signal?.aborted) throw stopping();
    if (declaredBytes !== undefined && declaredBytes > maxFileBytes) {
      throw fileTooLarge(maxFileBytes, { bytes: declaredBytes, isWhole: true });
    }
    if (!isLocal) {
      if (this.#taken >= maxUploads) this.#endSlow();
      if (this.#taken >= maxUploads) throw tooManyUploads(maxUploads);
      this.#taken++;
    }
    const upload: Upload = { leaving: new AbortController(), slowFrom: undefined };
    this.#open.add(upload);
    let own = 0;
    return {
      signal: upload.leaving.signal,
      receive: (): void => void (upload.slowFrom = this.#now() + PATIENCE_MS),
      received: (): void => void (upload.slowFrom = undefined),
      take: (bytes, totals): void => {
        own += bytes;
        this.#bytes += bytes;
        if (own > maxFileBytes) throw fileTooLarge(maxFileBytes, { bytes: own, isWhole: false });
        if (upload.slowFrom !== undefined) {
          const paid = upload.slowFrom + bytes / LEAST_BYTES_PER_MS;
          upload.slowFrom = Math.min(paid, this.#now() + PATIENCE_MS);
        }
        this.#checkRoom(totals, 0);
      },
      expect: (bytes, totals): void => this.#checkRoom(totals, bytes),
      [Symbol.dispose]: (): void => {
        if (this.#open.delete(upload) && !isLocal) this.#taken--;
        this.#bytes -= own;
        own = 0;
      },
    };
  }

  #close(): void {
    for (const { leaving, slowFrom } of this.#open) {
      if (slowFrom !== undefined) leaving.abort(stopping());
    }
  }

  /** Ends the files whose bytes come too slowly. Their places are free at once. */
  #endSlow(): void {
    const now = this.#now();
    for (const upload of this.#open) {
      if (upload.slowFrom === undefined || upload.slowFrom > now) continue;
      this.#open.delete(upload);
      this.#taken--;
      upload.leaving.abort(tooSlow(this.#limits.maxUploads));
    }
  }

  #checkRoom({ files, bytes }: FileTotals, more: number): void {
    const { maxFiles, maxTotalBytes: maxBytes } = this.#limits;
    // This one is among the open ones.
    const totals = { files: files + this.#open.size - 1, bytes: bytes + this.#bytes };
    checkQuota({ quota: { maxFiles, maxBytes }, bytes: more }, totals);
  }
}

/** A file that is being added. */
interface Upload {
  readonly leaving: AbortController;
  /** The time from which on it is too slow, if no more bytes come; undefined if none have to. */
  slowFrom: number | undefined;
}

/** A file that is being added, until this is disposed of. */
export interface OpenUpload extends Disposable {
  /** Aborts when the file loses its place, with the error for whoever adds it. */
  readonly signal: AbortSignal;
  /** Begins the time in which the bytes have to come. */
  receive(): void;
  /** Ends that time: the bytes are there. */
  received(): void;
  /**
   * Counts bytes that have come. `totals` are those of the files that are stored.
   *
   * @throws {SnakedenError} `file_too_large` or `file_quota_exceeded`.
   */
  take(bytes: number, totals: FileTotals): void;
  /**
   * Refuses a file that will not have room.
   *
   * @throws {SnakedenError} `file_quota_exceeded`.
   */
  expect(bytes: number, totals: FileTotals): void;
}
