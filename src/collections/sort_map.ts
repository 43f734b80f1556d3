/** Puts the entries of a map in the order of `keys`; others stay behind them, in their order. */
export function sortMap<K, V>(map: Map<K, V>, keys: Iterable<K>): void {
  const entries = new Map(map);
  map.clear();
  for (const key of [...keys, ...entries.keys()]) {
    const value = entries.get(key);
    if (value !== undefined) map.set(key, value);
  }
}
