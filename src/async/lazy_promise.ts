/**
 * A promise that does nothing until somebody awaits it. `settle` then runs for each `await`, so
 * that the stack of an error leads to the line that awaits.
 */
export class LazyPromise<T> extends Promise<T> {
  readonly #settle: () => Promise<T>;

  /** @param settle Returns the value; called for each `await` and each `then()`. */
  constructor(settle: () => Promise<T>) {
    super(() => {});
    this.#settle = settle;
  }

  /** Promises that derive from this one are plain: their constructor takes an executor. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // The two other methods call this one.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#settle().then(onFulfilled, onRejected);
  }
}
