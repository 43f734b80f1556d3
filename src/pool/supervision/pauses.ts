import { delay } from "../../async/mod.ts";

/** Pauses between the starts of workers. All that are under way can be ended early. */
export class Pauses {
  #current = new AbortController();

  /** Waits for `ms`; returns early when `over` aborts or {@link Pauses.end} is called. */
  async wait(ms: number, over: AbortSignal): Promise<void> {
    await delay(ms, AbortSignal.any([over, this.#current.signal]));
  }

  /** Ends all pauses that are under way. */
  end(): void {
    this.#current.abort();
    this.#current = new AbortController();
  }
}
