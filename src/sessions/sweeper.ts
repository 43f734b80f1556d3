import type { Clock } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";

/** The sessions that one step of a sweep ends. */
const STEP = 500;

/** Dependencies of {@link Sweeper}. */
export interface SweeperDeps {
  /** Ends up to so many expired sessions; returns their ids. */
  readonly sweep: (limit: number) => Promise<readonly string[]>;
  readonly clock: Pick<Clock, "after">;
  readonly intervalMs: number;
}

/**
 * Ends expired sessions, in steps with turns of the event loop in between, again and again.
 *
 * `waiting` -> `sweeping` when the timer rings or {@link Sweeper.run} is called -> `waiting` when
 * nothing is left to end. `stopped` is the end.
 */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** Begins to sweep at intervals. */
  start(): this {
    this.#arm();
    return this;
  }

  /** Sweeps until nothing is left to end; joins a sweep that runs. */
  run(): Promise<void> {
    return this.#running ??= this.#sweep().finally(() => this.#running = undefined);
  }

  /** Ends the timer and waits for the step that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#running?.catch(() => {});
  }

  #arm(): void {
    const { clock, intervalMs } = this.#deps;
    this.#cancelTimer = clock.after(intervalMs, () => void this.#ring());
  }

  async #ring(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      const text = "cannot remove expired sessions: {problem}";
      getLogger("sessions").warn(text, { problem: messageOf(error) });
    }
    if (!this.#isStopped) this.#arm();
  }

  async #sweep(): Promise<void> {
    const { sweep } = this.#deps;
    let total = 0;
    let count = STEP;
    while (count === STEP && !this.#isStopped) {
      count = (await sweep(STEP)).length;
      total += count;
    }
    if (total > 0) getLogger("sessions").debug("{total} sessions have expired", { total });
  }
}
