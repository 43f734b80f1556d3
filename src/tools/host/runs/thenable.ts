/** Returns true for a promise, also one of another kind. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/** Calls `next` with a value: at once, or when it is there. Most tools need no promise at all. */
export function chain<T, R>(value: T | PromiseLike<T>, next: (value: T) => R): R | Promise<R>;
export function chain(value: unknown, next: (value: unknown) => unknown): unknown {
  return isThenable(value) ? Promise.resolve(value).then(next) : next(value);
}

/** Returns the iterator of a value that is one, or of a stream; undefined for any other value. */
export function iteratorOf(value: unknown): AnyIterator | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Symbol.asyncIterator in value) {
    return (value as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  }
  // Lists, maps and sets are values; their iterators are not.
  const isIterator = "next" in value && typeof value.next === "function";
  return isIterator && Symbol.iterator in value ? value as Iterator<unknown> : undefined;
}

/** An iterator whose steps may take time. */
export type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;
