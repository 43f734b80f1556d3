/**
 * The producer of an input stream: what a caller passes as an argument to send its items to a tool
 * one after another.
 */
export type InputSource =
  | AsyncIterable<unknown>
  | ReadableStream<unknown>
  | (Iterator<unknown> & Iterable<unknown>);

/** Collects the input streams among the arguments of one call. */
export interface InputCollector {
  /**
   * Takes a stream, and returns its id, which is unique in the call.
   *
   * @param path The place of the stream, such as `args.rows`.
   */
  add(source: InputSource, path: string): number;
}

/**
 * Returns true for an async iterable, a ReadableStream or an iterator such as a generator object.
 * Other iterables, such as arrays, are values.
 */
export function isInputSource(node: object): node is InputSource {
  if (Symbol.asyncIterator in node) return typeof node[Symbol.asyncIterator] === "function";
  if (node instanceof ReadableStream) return true;
  return Symbol.iterator in node && typeof node[Symbol.iterator] === "function" &&
    "next" in node && typeof node.next === "function";
}
