import { type Clock, nextTurn } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { JobStore, Swept } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import type { ResultBlobs } from "./result_blobs.ts";

const INTERVAL_MS = 1_000;
/** The random part of the interval, so that several hosts do not sweep in step. */
const JITTER = 0.2;
/** A sweep that is at least this late, in milliseconds, follows a sleep of the host. */
const ASLEEP_MS = 1_000;

/** Dependencies of {@link Sweeper}. */
export interface SweeperDeps {
  readonly store: Pick<JobStore, "sweep">;
  readonly blobs: Pick<ResultBlobs, "remove">;
  readonly feed: JobFeed;
  readonly clock: Clock;
  readonly random?: () => number;
  /**
   * Called before the first sweep after the host has slept, so that it does not take the jobs from
   * itself.
   */
  readonly onWake?: () => Promise<void>;
}

/**
 * Sweeps the store each second, in parts with turns of the event loop in between.
 *
 * `waiting` -> `sweeping` when the timer rings; `sweeping` -> `waiting` when nothing is left to do.
 * `stopped` is the end.
 */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps;
  #cancelTimer: (() => void) | undefined;
  #sweeping: Promise<void> | undefined;
  #isStopped = false;
  #hasFailed = false;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** Begins to sweep at intervals. */
  start(): this {
    this.#arm();
    return this;
  }

  /** Ends the timer, and waits for the part that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#sweeping;
  }

  #arm(): void {
    if (this.#isStopped) return;
    const { clock, random = Math.random } = this.#deps;
    const pauseMs = INTERVAL_MS * (1 - JITTER * random());
    const dueAt = clock.now() + pauseMs;
    this.#cancelTimer = clock.after(pauseMs, () => {
      const hasSlept = clock.now() - dueAt > ASLEEP_MS;
      this.#sweeping = this.#sweep(hasSlept).finally(() => this.#arm());
    });
  }

  async #sweep(hasSlept: boolean): Promise<void> {
    const { store, blobs, feed, onWake } = this.#deps;
    try {
      if (hasSlept) await onWake?.();
      while (!this.#isStopped) {
        const swept = await store.sweep();
        this.#hasFailed = false;
        announce(swept, feed);
        if (swept.unusedBlobs.length > 0) await blobs.remove(swept.unusedBlobs);
        if (!swept.hasMore) return;
        await nextTurn();
      }
    } catch (error) {
      if (this.#hasFailed || this.#isStopped) return;
      this.#hasFailed = true;
      getLogger("jobs").warn("cannot sweep the store of jobs; trying again: {problem}", {
        problem: messageOf(error),
      });
    }
  }
}

/** Notifies the listeners of jobs that a sweep has ended, and logs the lost ones. */
export function announce({ ended, lost }: Swept, feed: JobFeed): void {
  for (const { id, state } of ended) feed.emit(id, { type: "state", state });
  if (lost === 0) return;
  const text = lost === 1
    ? "a running job has lost its host, which died or could not extend the lease; it runs again " +
      "if it has attempts left"
    : "{lost} running jobs have lost their hosts, which died or could not extend the leases; they " +
      "run again if they have attempts left";
  getLogger("jobs").warn(text, { lost });
}
