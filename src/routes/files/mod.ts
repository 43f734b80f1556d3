/**
 * The routes of files: adding, listing and removing them ({@link addFiles}), and their bytes as a
 * whole or in parts ({@link addFileContent}), also by the job that has made them
 * ({@link addJobArtifacts}). Bytes are streamed in both directions, with bounds on silence.
 *
 * @module
 */
export { attachment } from "./content_disposition.ts";
export { addFileContent, contentAnswer, type ContentOptions } from "./content.ts";
export { addFiles, type FilesSlice } from "./files.ts";
export { addJobArtifacts, type JobFilesSlice } from "./job_artifacts.ts";
export { fileSchema } from "./file_schema.ts";
