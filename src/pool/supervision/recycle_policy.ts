import { inMebibytes, type ReplaceCause } from "../workers/mod.ts";

export type { ReplaceCause };

/** Limits after which a healthy worker is replaced. An omitted limit never applies. */
export interface RecycleOptions {
  /** The time since it was ready; see {@link RecyclePolicy.lifeMs}. */
  readonly maxAgeMs?: number | undefined;
  /** The most calls, including streams, that it is given. */
  readonly maxCalls?: number | undefined;
  /** The resident memory of the worker and its children. */
  readonly maxRssBytes?: number | undefined;
  /** True if each worker runs one call, and ends after its answer. */
  readonly isIsolated?: boolean | undefined;
}

/**
 * The share of `maxAgeMs` by which a worker may be replaced early, so that workers started together
 * are not replaced together.
 */
const JITTER = 0.1;
/** The part of `maxCalls` after which the successor is started, so that it is ready in time. */
const AHEAD = 0.9;

/** Decides when a healthy worker is replaced, and says why. */
export class RecyclePolicy {
  /** The most calls of one worker. */
  readonly maxCalls: number;
  /** The call with which the successor is started. */
  readonly renewAtCall: number;
  /** True if each worker runs one call. Its slot is filled anew after the answer. */
  readonly isIsolated: boolean;
  readonly #options: RecycleOptions;
  readonly #random: () => number;

  /** @param random In [0, 1), for the jitter. */
  constructor(options: RecycleOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.isIsolated = options.isIsolated === true;
    this.maxCalls = this.isIsolated ? 1 : options.maxCalls ?? Infinity;
    const renewAtCall = Math.max(1, Math.floor(this.maxCalls * AHEAD));
    this.renewAtCall = this.isIsolated ? Infinity : renewAtCall;
  }

  /**
   * Returns for how long a worker that is ready now may serve: `maxAgeMs` less up to a tenth, or
   * undefined without a limit.
   */
  lifeMs(): number | undefined {
    const { maxAgeMs } = this.#options;
    return maxAgeMs === undefined ? undefined : maxAgeMs * (1 - JITTER * this.#random());
  }

  /** The reason to replace a worker with older code. */
  get codeCause(): ReplaceCause {
    return { code: "code_changed", text: "its code has changed" };
  }

  /** The reason to replace a worker that has reached its age. */
  get ageCause(): ReplaceCause {
    return { code: "max_age", text: "it has reached its age" };
  }

  /** The reason to replace a worker that will soon have been given all its calls. */
  get callsCause(): ReplaceCause {
    return { code: "max_calls", text: `it may take ${this.maxCalls} calls` };
  }

  /** Returns the reason to replace a worker that holds `rssBytes`; undefined if it may stay. */
  memoryCause(rssBytes: number): ReplaceCause | undefined {
    const { maxRssBytes = Infinity } = this.#options;
    if (rssBytes <= maxRssBytes) return undefined;
    const text = `it and its children hold ${inMebibytes(rssBytes)} of memory, maxRssBytes is ` +
      inMebibytes(maxRssBytes);
    return { code: "max_memory", text };
  }
}
