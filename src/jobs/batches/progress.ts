import type { Clock } from "../../async/mod.ts";

/** The progress of a batch. */
export interface BatchProgress {
  /** The part that is done, from 0 to 1. */
  readonly fraction: number;
  /** The number of items that have ended, and of those that have failed. */
  readonly done: number;
  readonly failed: number;
  /** The number of all items; absent while the file was not read to its end. */
  readonly total?: number;
  /** Items that end in a second. */
  readonly perSecond: number;
  /** The estimated time to the end; absent while nothing is known. */
  readonly etaMs?: number;
}

/** The time over which a rate is measured, in milliseconds. */
const WINDOW_MS = 10_000;

/** Measures the rate of a batch. */
export class ProgressMeter {
  readonly #clock: Clock;
  readonly #samples: { readonly at: number; readonly done: number }[];

  constructor(clock: Clock, done: number) {
    this.#clock = clock;
    this.#samples = [{ at: clock.now(), done }];
  }

  /** Returns the progress of this moment. `readPart` is the part of the inputs that was read. */
  progress(
    { done, failed, total, read, readPart }: {
      readonly done: number;
      readonly failed: number;
      readonly total: number | undefined;
      readonly read: number;
      readonly readPart: number;
    },
  ): BatchProgress {
    const now = this.#clock.now();
    this.#samples.push({ at: now, done });
    while ((this.#samples[1]?.at ?? now) <= now - WINDOW_MS) this.#samples.shift();
    const [first = { at: now, done }] = this.#samples;
    const perSecond = now === first.at ? 0 : (done - first.done) / (now - first.at) * 1_000;
    const expected = total ?? (readPart > 0 ? read / readPart : undefined);
    const fraction = expected === undefined ? 0 : expected === 0 ? 1 : Math.min(1, done / expected);
    return {
      fraction: Math.round(fraction * 10_000) / 10_000,
      done,
      failed,
      ...(total === undefined ? {} : { total }),
      perSecond: Math.round(perSecond * 10) / 10,
      ...(perSecond > 0 && expected !== undefined
        ? { etaMs: Math.max(0, Math.round((expected - done) / perSecond * 1_000)) }
        : {}),
    };
  }
}
