/**
 * The driver for blobs in a directory: {@link openDirectoryBlobs} opens that of a data directory.
 * Each blob is a file that is named by the hash of its bytes, so that equal bytes are kept once,
 * and a damaged file can be told from a good one.
 *
 * @module
 */
export { type DirectoryBlobs, openDirectoryBlobs } from "./directory_blobs.ts";
