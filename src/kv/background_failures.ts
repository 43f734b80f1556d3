import { messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";

/**
 * Logs the failures of work that no caller waits for. A full disk fails all of it again and again,
 * so each cause is logged once, until the work succeeds.
 */
export class BackgroundFailures {
  readonly #logged = new Map<string, string>();
  readonly #log = getLogger("store");

  /** Notes a failure. `action` completes the sentence "Cannot ...". */
  report(action: string, error: unknown): void {
    const code = error instanceof SnakedenError ? error.code : "store_failed";
    // The next start does what the end of the store has interrupted.
    if (code === "shutting_down") return;
    const problem = messageOf(error);
    if (this.#logged.get(action) === problem) return;
    this.#logged.set(action, problem);
    this.#log.error("cannot {action} ({code}): {problem}", { action, code, problem });
  }

  /** Notes that the work has succeeded. */
  clear(action: string): void {
    this.#logged.delete(action);
  }
}
