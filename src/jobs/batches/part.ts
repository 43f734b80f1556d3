import { type Alarms, LoneAlarm, LoneSignal, type StopSignal } from "../../async/mod.ts";
import type { Value } from "../../bridge/mod.ts";
import type { BulkOutcome, BulkWatch } from "../../calls/mod.ts";
import type { CallWork } from "../../pool/mod.ts";

/** Runs items in one bulk call, which has a priority in the queue of its pool. */
export type RunBulk = (
  args: readonly (string | Value)[],
  watch: BulkWatch,
  priority: number,
) => Promise<BulkOutcome>;

/** The priority of parts: they wait behind calls. */
const BEHIND_CALLS = -1;
/** The priority of calls. */
const LIKE_CALLS = 0;
/**
 * The time after which a part whose pool always has calls to run waits like a call, as a job does
 * that finds no room.
 */
const STARVED_MS = 1_000;
const STARVED = Symbol("starved");

/** A part of a batch that is under way: items that go to a worker together. */
export class Part {
  #signal = new LoneSignal();

  /** Aborts when the part is stopped. */
  get signal(): StopSignal {
    return this.#signal;
  }

  stop(reason: unknown): void {
    this.#signal.abort(reason);
  }

  /**
   * Runs the items. They wait behind all calls, but for a bounded time.
   *
   * @throws {unknown} What `bulk` throws; the reason with which the part is stopped.
   */
  async run(
    args: readonly (string | Value)[],
    watch: Omit<BulkWatch, "signal" | "onSent"> & { readonly onSent: (work: CallWork) => void },
    { bulk, alarms }: { readonly bulk: RunBulk; readonly alarms: Alarms },
  ): Promise<BulkOutcome> {
    const waiting = this.#signal;
    let isOver = false;
    // No timer of its own: the runtime keeps timers in a Map, whose old tables keep the items of a
    // part through many garbage collections.
    const starving = new LoneAlarm(() => {
      this.#signal = new LoneSignal();
      waiting.abort(STARVED);
    });
    const starve = (): void => alarms.set(starving, alarms.now + STARVED_MS);
    starve();
    const onSent = (work: CallWork): void => {
      alarms.clear(starving);
      work.onOver = () => {
        // The worker has given it back, so it waits again.
        if (work.wasSkipped && !isOver) starve();
      };
      watch.onSent(work);
    };
    try {
      return await bulk(args, { ...watch, onSent, signal: waiting }, BEHIND_CALLS);
    } catch (error) {
      if (error !== STARVED) throw error;
    } finally {
      isOver = true;
      alarms.clear(starving);
    }
    // It may have been stopped since.
    if (this.#signal.aborted) throw this.#signal.reason;
    return await bulk(args, { ...watch, signal: this.#signal }, LIKE_CALLS);
  }
}
