/** Returns the default size of a pool whose workers have no devices of their own. */
export function defaultPoolSize(): number {
  return Math.min(256, Math.max(2, navigator.hardwareConcurrency));
}
