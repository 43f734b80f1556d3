/**
 * Files: bytes of any length under an id, streamed into blobs and out of them. {@link Files} checks
 * and bounds what is added; the rows are those of the store of jobs, so that a job and the files
 * that it names are kept together. src/jobs and the calls use it from above.
 *
 * @module
 */
export type {
  AddFileOptions,
  FileInfo,
  FileListOptions,
  FilePage,
  FileRange,
  FileSource,
  Pinned,
  StoreFileOptions,
} from "./file.ts";
export { FILE_NAME_RULE, isFileName } from "./check_file.ts";
export { Files, type FilesDeps, type FilesStore } from "./files.ts";
export { type FileOfJob, FilesOfJob } from "./files_of_job.ts";
