import { type FieldIssue, InvalidInputError, SnakedenError } from "../errors.ts";
import type { FileInfo } from "./file.ts";

/** The error for a file that does not exist. */
export function unknownFile(id: string): SnakedenError {
  return new SnakedenError(
    "unknown_file",
    `There is no file ${JSON.stringify(shown(id))}: it was never added, was removed, or has ` +
      "expired",
    { details: { fileId: shown(id) } },
  );
}

/** The error for the removal of a file that somebody uses: a job, or a call that runs. */
export function fileInUse(id: string, jobId: string | undefined): SnakedenError {
  const who = jobId === undefined
    ? "a running call uses it; try again later"
    : `the job ${jobId} names it; the file can be removed after that job`;
  return new SnakedenError("file_in_use", `Cannot remove the file ${id}: ${who}`, {
    retryable: jobId === undefined,
    details: { fileId: id, ...(jobId === undefined ? {} : { jobId }) },
  });
}

/** The error for a file that is longer than any may be. */
export function fileTooLarge(
  maxFileBytes: number,
  { bytes, isWhole }: { readonly bytes: number; readonly isWhole: boolean },
): SnakedenError {
  const given = isWhole ? `${bytes} bytes` : `more than ${maxFileBytes} bytes`;
  return new SnakedenError(
    "file_too_large",
    `Cannot add a file of ${given}; allowed: ${maxFileBytes} bytes (limits.maxFileBytes)`,
    { details: { maxFileBytes, ...(isWhole ? { bytes } : {}) } },
  );
}

/** The error for a file for which as many are being added as may be. */
export function tooManyUploads(maxUploads: number): SnakedenError {
  return new SnakedenError(
    "server_busy",
    `Cannot add the file: ${maxUploads} files are being added; allowed: ${maxUploads} ` +
      "(files.maxUploads); try again later",
    { retryable: true, details: { maxUploads } },
  );
}

/** The error for a file whose bytes came so slowly that another one got its place. */
export function tooSlow(maxUploads: number): SnakedenError {
  return new SnakedenError(
    "server_busy",
    "Cannot add the file: less than 1,000 bytes a second came, and another file needed its place " +
      `of ${maxUploads} (files.maxUploads); try again later`,
    { retryable: true, details: { maxUploads } },
  );
}

/** The error for a file that the end of the host cuts off. */
export function stopping(): SnakedenError {
  return new SnakedenError("shutting_down", "Cannot add the file: the host is stopping", {
    retryable: true,
  });
}

/** The error for bytes with another hash than the one that was named. */
export function wrongHash(given: string, found: string): InvalidInputError {
  const message = `given ${given}, but the bytes have ${found}; allowed: the SHA-256 of the bytes`;
  return refusedFile([{ path: "sha256", message }]);
}

/** The error for a file whose row is there, and whose bytes are not. */
export function bytesGone({ id, sha256 }: Pick<FileInfo, "id" | "sha256">): SnakedenError {
  return new SnakedenError(
    "store_failed",
    `Cannot read the file ${id}: its bytes (SHA-256 ${sha256}) are missing or damaged in the ` +
      "data directory; add the file again",
    { details: { fileId: id, sha256 } },
  );
}

/** The error for a file with fields that are wrong. */
export function refusedFile(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot add the file: ${list.join("; ")}`, issues);
}

function shown(id: string): string {
  return id.length > 128 ? `${id.slice(0, 128)}...` : id;
}
