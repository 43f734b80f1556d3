const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Returns a number of bytes for people: `512 B`, `1.5 MB`, `120 GB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.6 kB would be shown as 1000 kB.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
