/**
 * The number of workers of a pool: the {@link Scaling} decides between the {@link ScaleLimits}, by
 * the {@link Demand} of the pool.
 *
 * @module
 */
export type { Demand, StartCap } from "./demand.ts";
export {
  MAX_WORKERS,
  type ResizeRequest,
  type ScaleLimits,
  type ScaleOptions,
} from "./scale_limits.ts";
export { Scaling } from "./scaling.ts";
