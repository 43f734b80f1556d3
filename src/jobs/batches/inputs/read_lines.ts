import { messageOf } from "../../../errors.ts";
import type { Place, ReadItem } from "./item_source.ts";
import type { TextBlock, TextBlocks } from "./text_blocks.ts";

const BYTE_ORDER_MARK = "\ufeff";
const NOT_UTF8 = "it is not UTF-8";

/** Makes an item of a line, which is not empty. Throws for a line that is none. */
type ItemOfLine = (line: string) => string;

/** Yields the lines of a file as texts of JSON, in lists. Empty lines are left out. */
export function readTextLines(blocks: TextBlocks): AsyncGenerator<ReadItem[]> {
  return readLines(blocks, JSON.stringify, (line) => line === "");
}

/** Yields the lines of a file of JSON (NDJSON), in lists. Lines of white space are left out. */
export function readJsonLines(blocks: TextBlocks): AsyncGenerator<ReadItem[]> {
  return readLines(blocks, checkedJson, (line) => /^\s*$/.test(line));
}

async function* readLines(
  blocks: TextBlocks,
  itemOf: ItemOfLine,
  isEmpty: (line: string) => boolean,
): AsyncGenerator<ReadItem[]> {
  for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) {
    const lines = block.text.split("\n");
    lines.pop();
    if (block.offset === 0 && lines[0]?.startsWith(BYTE_ORDER_MARK)) lines[0] = lines[0].slice(1);
    const items: ReadItem[] = [];
    for (const [i, text] of lines.entries()) {
      const line = text.endsWith("\r") ? text.slice(0, -1) : text;
      if (isEmpty(line)) continue;
      items.push(itemAt(block, { i, skip: items.length, line, itemOf }));
    }
    blocks.usedAll(lines.length);
    if (items.length > 0) yield items;
    if (block.isLast) return;
  }
}

function itemAt(
  block: TextBlock,
  { i, skip, line, itemOf }: {
    readonly i: number;
    readonly skip: number;
    readonly line: string;
    readonly itemOf: ItemOfLine;
  },
): ReadItem {
  const place: Place = { offset: block.offset, skip, line: block.line };
  const problem = (text: string): ReadItem => ({
    place,
    json: undefined,
    problem: `line ${block.line + i}: ${text}`,
  });
  if (block.faulty.has(i)) return problem(NOT_UTF8);
  try {
    return { place, json: itemOf(line) };
  } catch (error) {
    return problem(`it is no JSON: ${messageOf(error)}`);
  }
}

/** @throws {SyntaxError} */
function checkedJson(line: string): string {
  JSON.parse(line);
  return line;
}
