import { type Clock, delay, SYSTEM_CLOCK } from "../../async/mod.ts";
import { getLogger } from "../../log.ts";
import { sourceOf } from "./remote_address.ts";

/** Wrong keys from one source that are answered without a delay: people mistype. */
export const FREE_FAILURES = 5;
/** The delay of the next answer; it doubles with each further wrong key. */
const FIRST_DELAY_MS = 100;
/** The longest delay, which a stop of the server may have to wait for. */
export const MAX_DELAY_MS = 1_000;
/** Time without a wrong key after which those of a source are forgotten. */
const FORGET_MS = 60_000;
/** The most sources that are remembered. The quietest one is dropped first. */
export const MAX_SOURCES = 1_024;
/** Answers that are delayed at the same time. */
export const MAX_DELAYED = 256;
/** Time between two lines of the log about one source. */
const REPORT_INTERVAL_MS = 60_000;
/** Sources that have a line of their own within that time; the others share one. */
export const MAX_REPORTED = 20;

/** The wrong keys of one source. */
interface Failures {
  count: number;
  lastAt: number;
  /** Those that no line of the log has counted yet. */
  unreported: number;
  reportedAt: number;
}

/**
 * Counts the wrong API keys of each source ({@link sourceOf}), delays the answers to them, and logs
 * them. A right key is never delayed, so nobody can lock out another user behind the same proxy.
 *
 * Everything is bounded. When too many responses wait, the oldest one is sent. When too many
 * sources fail, the quietest one is forgotten, and several sources share a line of the log.
 */
export class WrongKeys implements Disposable {
  readonly #log = getLogger("http");
  readonly #clock: Clock;
  /** By source, the quietest first. */
  readonly #sources = new Map<string, Failures>();
  readonly #delayed = new Set<AbortController>();
  /** Sources and wrong keys that share a line of the log. */
  #others = { sources: 0, times: 0 };
  #windowAt = -Infinity;
  #reported = 0;

  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** Counts a wrong key; returns the time that its answer must wait, in milliseconds. */
  count(address: string | undefined): number {
    const source = sourceOf(address);
    const now = this.#clock.now();
    const failures = this.#sources.get(source) ??
      { count: 0, lastAt: now, unreported: 0, reportedAt: -Infinity };
    if (now - failures.lastAt >= FORGET_MS) failures.count = 0;
    failures.count++;
    failures.unreported++;
    failures.lastAt = now;
    this.#sources.delete(source);
    this.#sources.set(source, failures);
    if (this.#sources.size > MAX_SOURCES) this.#dropQuietest();
    if (failures.count <= FREE_FAILURES) return 0;
    return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures.count - FREE_FAILURES - 1));
  }

  /** Waits; ends early when the client leaves, or when too many answers wait. */
  async delay(delayMs: number, signal: AbortSignal): Promise<void> {
    if (this.#delayed.size >= MAX_DELAYED) {
      const [oldest] = this.#delayed;
      if (oldest !== undefined) this.#release(oldest);
    }
    const early = new AbortController();
    this.#delayed.add(early);
    try {
      await delay(delayMs, AbortSignal.any([signal, early.signal]), { clock: this.#clock });
    } finally {
      this.#delayed.delete(early);
    }
  }

  /** Logs what is due: one line for each source and minute. With `all`, logs the rest as well. */
  report({ all = false } = {}): void {
    const now = this.#clock.now();
    if (all || now - this.#windowAt >= REPORT_INTERVAL_MS) {
      this.#reportOthers();
      this.#windowAt = now;
      this.#reported = 0;
    }
    for (const [source, failures] of this.#sources) {
      const isDue = all || now - failures.reportedAt >= REPORT_INTERVAL_MS;
      if (failures.unreported === 0 || !isDue) continue;
      if (this.#reported < MAX_REPORTED) {
        this.#reported++;
        this.#log.warn("wrong API keys from {source}: {times}", {
          source,
          times: failures.unreported,
        });
      } else this.#addToOthers(failures);
      failures.unreported = 0;
      failures.reportedAt = now;
    }
    if (all) this.#reportOthers();
  }

  /** Logs the rest, and sends the delayed responses. */
  [Symbol.dispose](): void {
    this.report({ all: true });
    for (const early of this.#delayed) this.#release(early);
  }

  #release(early: AbortController): void {
    this.#delayed.delete(early);
    early.abort();
  }

  #dropQuietest(): void {
    const [quietest] = this.#sources;
    if (quietest === undefined) return;
    const [source, failures] = quietest;
    this.#sources.delete(source);
    this.#addToOthers(failures);
  }

  #addToOthers({ unreported }: Failures): void {
    if (unreported === 0) return;
    this.#others.sources++;
    this.#others.times += unreported;
  }

  #reportOthers(): void {
    const { sources, times } = this.#others;
    if (sources === 0) return;
    this.#others = { sources: 0, times: 0 };
    this.#log.warn("wrong API keys from {sources} other sources: {times}", { sources, times });
  }
}
