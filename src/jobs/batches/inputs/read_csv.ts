import { cellJson, type CellTypes, type TypesOf } from "./cell_types.ts";
import type { ReadItem } from "./item_source.ts";
import { FileFault, type TextBlock, type TextBlocks } from "./text_blocks.ts";

const BYTE_ORDER_MARK = "\ufeff";
const QUOTE = '"';
/** The most columns of a table. */
const MAX_COLUMNS = 16_384;

/** The columns of a table: their names, and the place behind the header. */
export interface CsvHeader {
  readonly names: readonly string[];
  /** The names, each as it begins a field of an object of JSON. */
  readonly keys: readonly string[];
  /** The same for rows of plain texts, with the quotes around these. */
  readonly plainKeys: readonly string[];
  /** The types of the columns that are not text; undefined if all are text. */
  readonly types: readonly (CellTypes | undefined)[] | undefined;
}

/**
 * Yields the rows of a table (CSV, RFC 4180) as objects by the names of their columns, in lists.
 * Cells are texts, but for columns of other types ({@link cellJson}). A row ends with a line feed,
 * perhaps behind a carriage return; a quoted field may contain both. Empty lines are left out.
 *
 * @param header The header, if the blocks begin behind it; otherwise the types of its columns.
 * @throws {FileFault} For a file that is no table.
 */
export async function* readCsv(
  blocks: TextBlocks,
  header: CsvHeader | TypesOf,
): AsyncGenerator<ReadItem[]> {
  const typesOf = typeof header === "function" ? header : noTypes;
  let columns = typeof header === "function" ? undefined : header;
  for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) {
    const rows = new CsvRows(block);
    columns ??= headerOf(rows, typesOf);
    const items: ReadItem[] = [];
    if (columns !== undefined) {
      for (let row = rows.next(); row !== undefined; row = rows.next()) {
        items.push(itemOf(row, { block, columns, skip: items.length }));
      }
    }
    if (rows.isOpen && block.isLast) {
      throw new FileFault(rows.line, "a quoted field that begins in this row does not end");
    }
    if (rows.isOpen) blocks.usedBut(rows.restLines(), rows.allLines());
    else blocks.usedAll(rows.allLines());
    if (items.length > 0) yield items;
    if (block.isLast) break;
  }
  if (columns === undefined) {
    throw new FileFault(1, "given an empty file; allowed: a table with a header");
  }
}

/**
 * Reads the header of a table.
 *
 * @throws {FileFault} For a file that is no table.
 */
export async function readCsvHeader(blocks: TextBlocks, typesOf: TypesOf): Promise<CsvHeader> {
  for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) {
    const rows = new CsvRows(block);
    const header = headerOf(rows, typesOf);
    if (header !== undefined) return header;
    if (block.isLast) break;
    if (rows.isOpen) blocks.usedBut(rows.restLines(), rows.allLines());
    else blocks.usedAll(rows.allLines());
  }
  throw new FileFault(1, "given no header; allowed: a table with a header");
}

/** All columns are text. */
export const noTypes: TypesOf = (): undefined => undefined;

function headerOf(rows: CsvRows, typesOf: TypesOf): CsvHeader | undefined {
  const row = rows.next();
  if (row === undefined) return undefined;
  const { fields: names, line } = row;
  if (row.isFaulty) throw new FileFault(line, "the header is not UTF-8; is the file a table?");
  const wrong = (message: string): FileFault => new FileFault(line, `the header has ${message}`);
  if (names.length > MAX_COLUMNS) throw wrong(`${names.length} columns; allowed: ${MAX_COLUMNS}`);
  if (names.some((it) => it.includes("\0"))) throw wrong("a NUL character; is the file a table?");
  const empty = names.indexOf("");
  if (empty >= 0) throw wrong(`no name for column ${empty + 1}`);
  const seen = new Set<string>();
  const twice = names.find((it) => seen.size === seen.add(it).size);
  if (twice !== undefined) throw wrong(`two columns with the name ${JSON.stringify(twice)}`);
  if (row.problem !== undefined) throw new FileFault(line, row.problem);
  const types = names.map(typesOf);
  return {
    names,
    keys: names.map((it, i) => `${i === 0 ? "{" : ","}${JSON.stringify(it)}:`),
    plainKeys: names.map((it, i) => `${i === 0 ? "{" : '",'}${JSON.stringify(it)}:"`),
    types: types.some((it) => it !== undefined) ? types : undefined,
  };
}

function itemOf(
  row: CsvRow,
  { block, columns, skip }: {
    readonly block: TextBlock;
    readonly columns: CsvHeader;
    readonly skip: number;
  },
): ReadItem {
  const place = { offset: block.offset, skip, line: block.line };
  const { fields, line } = row;
  const { keys, plainKeys, types } = columns;
  const problem = row.isFaulty
    ? "it is not UTF-8"
    : row.problem ?? (fields.length === keys.length ? undefined : ragged(fields, keys));
  if (problem !== undefined) return { place, json: undefined, problem: `line ${line}: ${problem}` };
  // One flat text: one that is added up piece by piece is a tree of pieces, which takes several
  // times the memory, and a while of the garbage collector, for as long as the item waits.
  const isPlain = row.isPlain && types === undefined;
  const pieces = new Array<string>(2 * keys.length + 1);
  let at = 0;
  for (let i = 0; i < keys.length; i++) {
    const field = fields[i] ?? "";
    pieces[at++] = (isPlain ? plainKeys[i] : keys[i]) ?? "";
    pieces[at++] = isPlain ? field : jsonOf(field, row, types?.[i]);
  }
  pieces[at] = isPlain ? '"}' : "}";
  return { place, json: pieces.join("") };
}

function jsonOf(field: string, { isPlain }: CsvRow, type: CellTypes | undefined): string {
  if (type !== undefined) return cellJson(field, type);
  return isPlain ? `"${field}"` : JSON.stringify(field);
}

function ragged(fields: readonly string[], keys: readonly string[]): string {
  const given = fields.length === 1 ? "1 field" : `${fields.length} fields`;
  return `given ${given}; allowed: ${keys.length}, as the header has`;
}

/** A row of a table. */
interface CsvRow {
  readonly fields: readonly string[];
  /** The number of its first line, from 1. */
  readonly line: number;
  /** True if it has a byte that is not UTF-8. */
  readonly isFaulty: boolean;
  readonly problem?: string;
  /** True if its fields are written in JSON as they stand. */
  readonly isPlain: boolean;
}

/** Everything that JSON escapes, but for quotes and the ends of lines. */
// deno-lint-ignore no-control-regex
const ESCAPED = /[\0-\x09\x0b\x0c\x0e-\x1f\\]|\r(?!\n)/;

/** The rows of a block. */
class CsvRows {
  readonly #block: TextBlock;
  readonly #text: string;
  #at = 0;
  #lines = 0;
  /** The next quote, so that rows without one are found by their line feeds alone. */
  #quote: number;
  /** True if the last row that was begun does not end in this block. */
  isOpen = false;
  readonly #isPlain: boolean;

  constructor(block: TextBlock) {
    this.#block = block;
    this.#text = block.text;
    this.#isPlain = !ESCAPED.test(block.text);
    if (block.offset === 0 && this.#text.startsWith(BYTE_ORDER_MARK)) this.#at = 1;
    this.#quote = this.#nextQuote(this.#at);
  }

  /** The number of the line at which the next row begins. */
  get line(): number {
    return this.#block.line + this.#lines;
  }

  /** Returns the next row; undefined if there is none, or it is open. */
  next(): CsvRow | undefined {
    const text = this.#text;
    while (this.#at < text.length) {
      const start = this.#at;
      const feed = text.indexOf("\n", start);
      if (this.#quote < start) this.#quote = this.#nextQuote(start);
      if (this.#quote < feed) return this.#quoted();
      const { line } = this;
      const isFaulty = this.#block.faulty.size > 0 && this.#block.faulty.has(this.#lines);
      this.#at = feed + 1;
      this.#lines++;
      const end = text.charCodeAt(feed - 1) === 13 && feed > start ? feed - 1 : feed;
      if (end === start) continue;
      return { fields: text.slice(start, end).split(","), line, isFaulty, isPlain: this.#isPlain };
    }
    return undefined;
  }

  /** Returns the number of lines of the block. */
  allLines(): number {
    return this.#lines + this.restLines();
  }

  /** Returns the number of lines from the next row on. */
  restLines(): number {
    let lines = 0;
    for (let at = this.#text.indexOf("\n", this.#at); at >= 0; lines++) {
      at = this.#text.indexOf("\n", at + 1);
    }
    return lines;
  }

  #nextQuote(from: number): number {
    const at = this.#text.indexOf(QUOTE, from);
    return at < 0 ? Infinity : at;
  }

  /** Reads a row that has a quote before its first line feed. */
  #quoted(): CsvRow | undefined {
    const text = this.#text;
    const { line } = this;
    const fields: string[] = [];
    let problem: string | undefined;
    let at = this.#at;
    let lines = 0;
    while (true) {
      let value: string;
      if (text[at] === QUOTE) {
        const close = closingQuote(text, at + 1);
        if (close < 0) {
          this.isOpen = true;
          return undefined;
        }
        value = text.slice(at + 1, close).replaceAll('""', QUOTE);
        for (let i = text.indexOf("\n", at); i >= 0 && i < close; i = text.indexOf("\n", i + 1)) {
          lines++;
        }
        at = close + 1;
        if (!isFieldEnd(text, at)) {
          problem ??= `column ${fields.length + 1} has text behind its closing quote`;
        }
      } else value = "";
      const end = fieldEnd(text, at);
      value += text.slice(at, text[end] === "\n" && text[end - 1] === "\r" ? end - 1 : end);
      fields.push(value);
      at = end + 1;
      if (text[end] === "\n") break;
    }
    const first = this.#lines;
    this.#at = at;
    this.#lines += lines + 1;
    const row = { fields, line, isFaulty: this.#hasFault(first, this.#lines), isPlain: false };
    return problem === undefined ? row : { ...row, problem };
  }

  #hasFault(from: number, to: number): boolean {
    const { faulty } = this.#block;
    if (faulty.size === 0) return false;
    for (let i = from; i < to; i++) if (faulty.has(i)) return true;
    return false;
  }
}

/** Returns the place of the quote that closes a field, or -1. Two quotes stand for one. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf(QUOTE, from);
  while (at >= 0 && text[at + 1] === QUOTE) at = text.indexOf(QUOTE, at + 2);
  return at;
}

/** Returns the place of the comma or the line feed that ends a field. There is one. */
function fieldEnd(text: string, from: number): number {
  for (let at = from;; at++) {
    const code = text.charCodeAt(at);
    if (code === 44 || code === 10) return at;
  }
}

function isFieldEnd(text: string, at: number): boolean {
  const char = text[at];
  return char === "," || char === "\n" || char === "\r" && text[at + 1] === "\n";
}
