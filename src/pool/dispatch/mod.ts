/**
 * The choice of a worker for each call: the {@link Dispatcher} decides, the {@link PoolDemand} says
 * how many workers its calls need, and {@link PoolRoom} how many more calls would begin.
 *
 * @module
 */
export { Dispatcher } from "./dispatcher.ts";
export type { PoolRoom } from "./dispatcher_options.ts";
export { PoolDemand } from "./pool_demand.ts";
