/**
 * The operations of the writer on files, and the files that jobs name. All of them are part of the
 * group of operations that runs, and so of its commit.
 *
 * @module
 */
export { nameBlob, releaseBlob } from "./blob_names.ts";
export { addFile, removeFile, sweepFiles } from "./change_files.ts";
export { FILE_CELLS, fileRowOf, filesOf, IS_THERE } from "./file_cells.ts";
export { missingFile, nameFiles, partFromFiles, releaseFiles } from "./named_files.ts";
