import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import type { FileTotals, NewFile } from "./file_store.ts";

/** Returns the error for a file whose id another one has. */
export function takenFileId(id: string): InvalidInputError {
  const message = `given ${JSON.stringify(id)}, which another file has; allowed: an id of its own`;
  return new InvalidInputError(`Cannot add the file: id: ${message}`, [{ path: "id", message }]);
}

/** Returns the error for a file of a job that is not kept. */
export function noJobOfFile(id: string): SnakedenError {
  return new SnakedenError(
    "unknown_job",
    `Cannot keep a file with the job ${JSON.stringify(id)}: there is no such job`,
    { details: { jobId: id } },
  );
}

/**
 * Refuses a file that a store has no room for.
 *
 * @throws {SnakedenError} `file_quota_exceeded`.
 */
export function checkQuota(
  { quota, bytes }: Pick<NewFile, "quota" | "bytes">,
  totals: FileTotals,
): void {
  if (quota === undefined) return;
  const { maxFiles, maxBytes } = quota;
  if (totals.files + 1 > maxFiles) {
    throw new SnakedenError(
      "file_quota_exceeded",
      `Cannot keep another file: there are ${totals.files}; allowed: ${maxFiles} (files.maxFiles)`,
      { retryable: true, details: { files: totals.files, maxFiles } },
    );
  }
  if (totals.bytes + bytes > maxBytes) {
    throw new SnakedenError(
      "file_quota_exceeded",
      `Cannot keep a file of ${bytes} bytes: the files have ${totals.bytes} bytes; allowed: ` +
        `${maxBytes} bytes (files.maxTotalBytes)`,
      { retryable: true, details: { bytes: totals.bytes, maxTotalBytes: maxBytes } },
    );
  }
}

/** Returns the error for a job that names a file that does not exist, as `jobs[3].files[0]`. */
export function unknownFileOfJob(job: number, file: number, id: string): SnakedenError {
  const path = `jobs[${job}].files[${file}]`;
  return new SnakedenError(
    "unknown_file",
    `Cannot submit jobs: ${path}: given ${JSON.stringify(id)}, which is no file; allowed: the id ` +
      "of a file that is kept",
    { details: { path, fileId: id } },
  );
}
