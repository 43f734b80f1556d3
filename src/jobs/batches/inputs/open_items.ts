import {
  BEGINNING,
  type FileBytes,
  type Format,
  type Place,
  type ReadItem,
} from "./item_source.ts";
import type { TypesOf } from "./cell_types.ts";
import { noTypes, readCsv, readCsvHeader } from "./read_csv.ts";
import { readJsonLines, readTextLines } from "./read_lines.ts";
import { TextBlocks } from "./text_blocks.ts";

/** Options of {@link openItems}. */
export interface OpenItemsOptions {
  readonly format: Format;
  /** The item to begin with; the first one by default. */
  readonly from?: Place;
  /** The longest item, in bytes. */
  readonly maxItemBytes: number;
  /** The types of the columns of a table; text by default. */
  readonly typesOf?: TypesOf | undefined;
}

/**
 * Yields the items of a file from a place on, in lists. Reads the bytes from the place on only, and
 * those of the header of a table.
 *
 * @throws {FileFault} For a file that does not have this format.
 */
export async function* openItems(
  file: FileBytes,
  { format, from = BEGINNING, maxItemBytes, typesOf = noTypes }: OpenItemsOptions,
): AsyncGenerator<readonly ReadItem[]> {
  const header = format === "csv" && from.offset > 0
    ? await withBlocks(file, { place: BEGINNING, maxItemBytes }, (it) => readCsvHeader(it, typesOf))
    : typesOf;
  const blocks = await blocksOf(file, { place: from, maxItemBytes });
  try {
    const lists = format === "csv"
      ? readCsv(blocks, header)
      : format === "lines"
      ? readTextLines(blocks)
      : readJsonLines(blocks);
    let { skip } = from;
    for await (const items of lists) {
      const rest = skip === 0 ? items : items.slice(skip);
      skip = Math.max(0, skip - items.length);
      if (rest.length > 0) yield rest;
    }
  } finally {
    await blocks.close();
  }
}

interface BlocksOptions {
  readonly place: Place;
  readonly maxItemBytes: number;
}

async function blocksOf(
  file: FileBytes,
  { place: { offset, line }, maxItemBytes }: BlocksOptions,
): Promise<TextBlocks> {
  const source = await file.open(offset);
  return new TextBlocks(source, { offset, line, maxBytes: maxItemBytes });
}

async function withBlocks<T>(
  file: FileBytes,
  options: BlocksOptions,
  use: (blocks: TextBlocks) => Promise<T>,
): Promise<T> {
  const blocks = await blocksOf(file, options);
  try {
    return await use(blocks);
  } finally {
    await blocks.close();
  }
}
