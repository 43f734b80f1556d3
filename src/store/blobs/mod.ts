/**
 * The port for blobs: values of any length, named by the hash of their bytes. {@link Blobs} is the
 * contract, {@link memoryBlobs} the driver of a host without a store of its own, and
 * {@link BlobHolds} the part that every driver needs to remove blobs safely. src/blobs is the
 * driver for a directory.
 *
 * @module
 */
export { BlobHolds } from "./blob_holds.ts";
export {
  type AdoptOptions,
  type BlobRange,
  type BlobRef,
  type Blobs,
  type BlobWriter,
  checkBlobHash,
  checkBlobRef,
  type HeldBlob,
  isBlobHash,
  type ListedBlob,
} from "./blobs.ts";
export { memoryBlobs } from "./memory_blobs.ts";
