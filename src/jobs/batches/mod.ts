/**
 * The work of a batch: one tool for many items. {@link BatchWork} sends the items to workers in
 * parts, and writes what comes of them with checkpoints ({@link Reached}); an {@link ItemFeed} has
 * the items, of a list or of a file (`inputs`).
 *
 * @module
 */
export { BatchWork, type BatchWorkDeps } from "./batch_work.ts";
export { type Reached, readCheckpoint } from "./checkpoint.ts";
export { cellTypes, type FileBytes, FileFault, type Format, FORMATS } from "./inputs/mod.ts";
export { FileFeed, InlineFeed, type ItemArgs, type ItemFeed } from "./item_feed.ts";
export type { OutputBlobs } from "./output_writer.ts";
export type { BatchProgress } from "./progress.ts";
