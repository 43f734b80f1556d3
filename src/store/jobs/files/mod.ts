/**
 * The files of a {@link JobStore}: {@link FileStore} is their part of the port, with the checks and
 * the errors that every driver shares.
 *
 * @module
 */
export { checkNewFile, MAX_FILE_NAME } from "./check_new_file.ts";
export { checkQuota, noJobOfFile, takenFileId, unknownFileOfJob } from "./file_errors.ts";
export type {
  FileFilter,
  FileQuota,
  FileRow,
  FileStore,
  FileTotals,
  NewFile,
  PinnedFiles,
} from "./file_store.ts";
