interface Removal {
  count: number;
  isOvertaken: boolean;
}

/**
 * The removals of variables that the store has not answered. A write that is sent meanwhile follows
 * them, so that the variable exists again although its removal is confirmed.
 */
export class Removals {
  readonly #removals = new Map<string, Removal>();

  /**
   * Removes the variable with this key by `remove`, which returns what the store answers. The
   * result says whether a write was sent meanwhile.
   */
  async run<T>(key: string, remove: () => Promise<T>): Promise<[answer: T, isOvertaken: boolean]> {
    // One for all removals of a variable that run at once: the write may follow each of them.
    const removal = this.#removals.get(key) ?? { count: 0, isOvertaken: false };
    removal.count++;
    this.#removals.set(key, removal);
    try {
      const answer = await remove();
      return [answer, removal.isOvertaken];
    } finally {
      if (--removal.count === 0) this.#removals.delete(key);
    }
  }

  /** Says that the variable with this key is written. Call it in the turn that sends the write. */
  overtake(key: string): void {
    const removal = this.#removals.get(key);
    if (removal !== undefined) removal.isOvertaken = true;
  }
}
