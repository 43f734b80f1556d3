/**
 * The choice of the worker for each call, and of the call for each worker: see {@link Dispatcher}.
 *
 * @module
 */
export { Dispatcher } from "./dispatcher.ts";
export type { PoolRoom } from "./dispatcher_options.ts";
