/**
 * Collections that the language does not have. They know nothing of the program. {@link RecencyMap}
 * is what caches are built from.
 *
 * @module
 */
export { RecencyMap } from "./recency_map.ts";
export { sortMap } from "./sort_map.ts";
