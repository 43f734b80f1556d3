/**
 * The consequences of failures for the next starts. {@link PoolHealth} counts them for the whole
 * pool; {@link StartBackoff} makes pauses between the starts in one slot; the {@link Quarantine}
 * leaves a slot empty whose workers crash again and again.
 *
 * @module
 */
export { hasProvedItself, type Life, PoolHealth } from "./pool_health.ts";
export {
  Quarantine,
  type QuarantinedSlot,
  type QuarantineLimits,
  type QuarantineOptions,
} from "./quarantine.ts";
export { PAUSES, StartBackoff } from "./start_backoff.ts";
