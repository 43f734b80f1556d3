/** Returns milliseconds with three decimals. */
export function inMicroseconds(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}
