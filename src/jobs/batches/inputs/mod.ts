/**
 * The items of a batch that stand in a file: lines of JSON or of text, or the rows of a table
 * ({@link openItems}). A file is read as a stream, in blocks of whole lines ({@link TextBlocks}),
 * and can be read again from any item on ({@link Place}).
 *
 * @module
 */
export { type CellTypes, cellTypes, type TypesOf } from "./cell_types.ts";
export {
  BEGINNING,
  type FileBytes,
  type Format,
  FORMATS,
  type Place,
  type ReadItem,
} from "./item_source.ts";
export { openItems, type OpenItemsOptions } from "./open_items.ts";
export { FileFault } from "./text_blocks.ts";
