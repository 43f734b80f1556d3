import { Backoff, delay } from "../../async/mod.ts";
import type { Worker } from "../workers/mod.ts";
import type { PoolHealth } from "./pool_health.ts";
import type { Quarantine } from "./quarantine.ts";
import { PAUSES, StartBackoff } from "./start_backoff.ts";
import type { WorkerStarter } from "./worker_starter.ts";

/** What a slot needs to stay filled. */
export interface SlotDeps {
  readonly starter: WorkerStarter;
  readonly health: PoolHealth;
  readonly quarantine: Quarantine;
  /** Aborts when no slot is filled any more. */
  readonly stopping: AbortSignal;
  /** Lets a worker serve in a slot. Resolves when the slot is empty again. */
  serve(slot: Slot, worker: Worker): Promise<void>;
  /** Called when it is known what came of the first attempt to fill a slot. */
  onFirstAttempt(): void;
}

/**
 * One of the numbered positions of a pool, each with one worker at a time: pause, start, serve until
 * it is empty, and again. A first attempt that a signal from outside ended is not the slot's own, so
 * it counts only when the pauses show that it goes on like that.
 */
export class Slot {
  /** The id of its workers, such as `default-3`. */
  readonly id: string;
  /** The pauses before starts in this slot alone: a worker of another slot that answers does not shorten them. */
  readonly starts = new StartBackoff();
  /** The pauses before a successor is started for a worker that was worn soon. */
  readonly renewals = new Backoff(PAUSES);
  readonly #deps: SlotDeps;
  #attempts = 0;
  #hasTried = false;

  constructor(id: string, deps: SlotDeps) {
    this.id = id;
    this.#deps = deps;
  }

  /** The number of times that it was filled anew because it had become empty. */
  get restarts(): number {
    return Math.max(0, this.#attempts - 1);
  }

  /** Keeps it filled. Resolves when it is stopped. */
  async keepFilled(): Promise<void> {
    const { quarantine, stopping } = this.#deps;
    while (!stopping.aborted) {
      await delay(Math.max(this.starts.pauseMs, quarantine.pauseMs(this.id)), stopping);
      if (!stopping.aborted) await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    const { starter, health, stopping } = this.#deps;
    this.#attempts++;
    const { worker, failure } = await starter.start(this.id);
    const isOwn = failure === undefined || !failure.signalled || worker.stopRequested;
    const isFirst = !this.#hasTried && (isOwn || this.starts.failures > 0);
    this.#hasTried ||= isFirst;
    let empty: Promise<void> | undefined;
    if (failure === undefined) {
      this.renewals.reset();
      empty = this.#deps.serve(this, worker);
    } else if (!stopping.aborted && !worker.stopRequested) {
      this.starts.failed(failure);
      health.failed(failure.reason, failure);
    }
    if (isFirst) this.#deps.onFirstAttempt();
    await empty;
  }
}
