/**
 * Maps: one tool that runs for many items, which travel to the workers together. {@link Maps} is
 * the entrance, {@link MapRun} the run of one, and {@link MapResults} what a program reads.
 *
 * @module
 */
export type { Items } from "./item_source.ts";
export {
  type ExecuteManyOptions,
  mapIssues,
  type MapOptions,
  MAX_BATCH_SIZE,
  MAX_WINDOW,
  type Throwing,
  type Yielding,
} from "./map_options.ts";
export { type MapOutcome, MapResults } from "./map_results.ts";
export { ItemFiles, type OpenFiles } from "./item_files.ts";
export type { MapItem } from "./map_item.ts";
export { MapRun, type Outcomes } from "./map_run.ts";
export { Maps, type MapsDeps } from "./maps.ts";
export { ranItem, withoutPlaces } from "./part_fault.ts";
export { MAX_PART_BYTES, PartSize } from "./part_size.ts";
