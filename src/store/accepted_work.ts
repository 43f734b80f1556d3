import { messageOf, SnakedenError } from "../errors.ts";

/**
 * The operations that a store has accepted and not finished. A driver runs every operation through
 * it.
 */
export class AcceptedWork {
  #running = 0;
  /** Called when nothing runs any more, once the work is closed. */
  #onIdle: () => void = () => {};
  #closed: Promise<void> | undefined;

  /**
   * Runs `work` at once. `action` completes the sentence "Cannot ..." of an error.
   *
   * @throws {SnakedenError} `shutting_down` after {@link AcceptedWork.close}; `store_failed` for
   * any error of `work` that is not a {@link SnakedenError}.
   */
  async run<T>(action: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw new SnakedenError("shutting_down", `Cannot ${action}: the store is closed`);
    }
    this.#running++;
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof SnakedenError) throw cause;
      const text = `Cannot ${action}: ${messageOf(cause)}`;
      throw new SnakedenError("store_failed", text, { retryable: true, cause });
    } finally {
      this.#running--;
      if (this.#running === 0) this.#onIdle();
    }
  }

  /**
   * Refuses new work, waits for running work, then calls `release`. Further calls wait for the
   * first one.
   */
  close(release: () => Promise<void>): Promise<void> {
    return this.#closed ??= this.#close(release);
  }

  async #close(release: () => Promise<void>): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
    await release();
  }
}
