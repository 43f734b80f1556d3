import { DEFAULT_MAX_DEPTH, isPlain } from "../../values/mod.ts";
import { Value } from "./values.ts";

/**
 * The longest list of items that is kept with its job, which reads it at once. A longer one is
 * written to a file, so that it holds the event loop neither now nor when the job starts.
 */
export const MAX_LIST_ITEMS = 10_000;

/** The characters of lines that are encoded together. */
const CHUNK_CHARS = 64 * 1024;

/** The parts of a {@link LineList}, as they can be sent between threads. */
export interface Lines {
  /** The lines, one behind the other; a line may begin in one chunk only. */
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly count: number;
  /** The index and the characters of the longest line. */
  readonly longest: { readonly index: number; readonly chars: number };
}

/** A list of values that is too long to be kept in one piece: a line of JSON for each. */
export class LineList implements Lines, AsyncIterable<Uint8Array> {
  readonly chunks: Lines["chunks"];
  readonly count: number;
  readonly longest: Lines["longest"];

  constructor({ chunks, count, longest }: Lines) {
    this.chunks = chunks;
    this.count = count;
    this.longest = longest;
  }

  /**
   * Encodes the items of a list that came as JSON over HTTP. `name` is that of the list.
   *
   * @throws {SnakedenError} As {@link Value.fromJsonTree}; the text names the item.
   */
  static fromJsonTrees(
    trees: readonly unknown[],
    { name, maxDepth = DEFAULT_MAX_DEPTH }: { readonly name: string; readonly maxDepth?: number },
  ): LineList {
    const encoder = new TextEncoder();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let longest = { index: 0, chars: 0 };
    let lines = "";
    for (const [index, tree] of trees.entries()) {
      const text = isPlain(tree, maxDepth)
        ? JSON.stringify(tree)
        : Value.fromJsonTree(tree, { maxDepth, name: `${name}[${index}]` }).jsonText();
      if (text.length > longest.chars) longest = { index, chars: text.length };
      lines += `${text}\n`;
      if (lines.length < CHUNK_CHARS) continue;
      chunks.push(encoder.encode(lines));
      lines = "";
    }
    if (lines !== "") chunks.push(encoder.encode(lines));
    return new LineList({ chunks, count: trees.length, longest });
  }

  /** The bytes of all lines. */
  get byteLength(): number {
    return this.chunks.reduce((sum, it) => sum + it.byteLength, 0);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.chunks;
  }
}
