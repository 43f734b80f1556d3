import { messageOf, SnakedenError } from "../errors.ts";

/** What a store has been asked to do. A driver runs every operation through one of these. */
export class AcceptedWork {
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  /**
   * Starts `work` at once. `action` completes the sentence "Cannot ...".
   *
   * @throws {SnakedenError} `shutting_down` after {@link AcceptedWork.close}; `store_failed` for
   * any error of `work` that is none of ours.
   */
  async run<T>(action: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw new SnakedenError("shutting_down", `Cannot ${action}: the store is closed`);
    }
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } catch (cause) {
      if (cause instanceof SnakedenError) throw cause;
      const text = `Cannot ${action}: ${messageOf(cause)}`;
      throw new SnakedenError("store_failed", text, { retryable: true, cause });
    } finally {
      this.#running.delete(running);
    }
  }

  /** Accepts no more work, waits for what runs, then calls `release`, once. */
  close(release: () => Promise<void>): Promise<void> {
    return this.#closed ??= this.#close(release);
  }

  async #close(release: () => Promise<void>): Promise<void> {
    await Promise.allSettled(this.#running);
    await release();
  }
}
