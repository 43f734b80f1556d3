/** Runs at most `limit` pieces of work at a time. Others wait, first come, first served. */
export class Semaphore {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` as soon as fewer than `limit` others run. */
  async enter<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#inside++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place passes directly to the next one in line, so that a newcomer cannot take it.
      if (next) next();
      else this.#inside--;
    }
  }
}
