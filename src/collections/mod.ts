/**
 * Collections that the language does not have. They know nothing of the program. {@link RecencyMap}
 * is what caches are built from, {@link IdCells} holds what is open for a short time.
 *
 * @module
 */
export { IdCells } from "./id_cells.ts";
export { RecencyMap } from "./recency_map.ts";
export { sortMap } from "./sort_map.ts";
