/**
 * The two threads that have a connection each, and {@link StoreThread}, which speaks to one.
 *
 * @module
 */
export { StoreThread, type ThreadOptions, ThreadStartError } from "./store_thread.ts";
export type { WriteStart } from "./write_worker.ts";
export type { ReadStart } from "./read_worker.ts";
