/**
 * Files as arguments and results of tools: {@link CallFiles} puts the files that arguments name in
 * a folder for the call, {@link fileMethods} answers tools that make files, and {@link HostFiles}
 * describes files to tools of the host. The store of the files is a higher level, which these parts
 * see as {@link FileSource}.
 *
 * @module
 */
export { CallFiles } from "./call_files.ts";
export { CallFolders } from "./call_folders.ts";
export { fileMethods } from "./file_methods.ts";
export type { CallFile, CallFileLimits, FileSource, MadeFile, PinnedFiles } from "./file_source.ts";
export { refuseTooMany } from "./file_source.ts";
export { type DescribedFiles, HostFiles } from "./host_files.ts";
