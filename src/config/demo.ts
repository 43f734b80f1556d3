/** The adapter of a pool that names none. */
export const DEMO_ADAPTER = "snakeden.demo";

/** Returns true if all pools serve the demo adapter, perhaps because nobody has named another. */
export function isDemo(pools: readonly { readonly adapter: unknown }[]): boolean {
  return pools.every(({ adapter }) => adapter === DEMO_ADAPTER);
}
