import type { FilesConfig } from "../config/mod.ts";
import { checkQuota, type FileTotals } from "../store/mod.ts";
import { fileTooLarge, tooManyUploads } from "./file_errors.ts";

/** The bounds on files that are being added. */
export type UploadLimits = Pick<FilesConfig, "maxFiles" | "maxTotalBytes" | "maxUploads"> & {
  readonly maxFileBytes: number;
};

/**
 * The files that are being added, bounded in number and in bytes. The store checks the quota again
 * when a file is added; here it is checked early, so that no disk is filled in vain.
 */
export class OpenUploads {
  readonly #limits: UploadLimits;
  #open = 0;
  #bytes = 0;

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  /**
   * Begins to add a file.
   *
   * @throws {SnakedenError} `server_busy` if too many are being added, or `file_too_large`.
   */
  begin(declaredBytes: number | undefined): OpenUpload {
    const { maxUploads, maxFileBytes } = this.#limits;
    if (declaredBytes !== undefined && declaredBytes > maxFileBytes) {
      throw fileTooLarge(maxFileBytes, { bytes: declaredBytes, isWhole: true });
    }
    if (this.#open >= maxUploads) throw tooManyUploads(maxUploads);
    this.#open++;
    let own = 0;
    let isOpen = true;
    return {
      take: (bytes, totals): void => {
        own += bytes;
        this.#bytes += bytes;
        if (own > maxFileBytes) throw fileTooLarge(maxFileBytes, { bytes: own, isWhole: false });
        this.#checkRoom(totals, 0);
      },
      expect: (bytes, totals): void => this.#checkRoom(totals, bytes),
      [Symbol.dispose]: (): void => {
        if (!isOpen) return;
        isOpen = false;
        this.#open--;
        this.#bytes -= own;
      },
    };
  }

  #checkRoom({ files, bytes }: FileTotals, more: number): void {
    const { maxFiles, maxTotalBytes: maxBytes } = this.#limits;
    // This one is among the open ones.
    const totals = { files: files + this.#open - 1, bytes: bytes + this.#bytes };
    checkQuota({ quota: { maxFiles, maxBytes }, bytes: more }, totals);
  }
}

/** A file that is being added, until this is disposed of. */
export interface OpenUpload extends Disposable {
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
