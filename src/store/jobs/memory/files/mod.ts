/**
 * The files of a store in memory, and the names of blobs.
 *
 * @module
 */
export { BlobNames } from "./blob_names.ts";
export { MemoryFiles } from "./memory_files.ts";
