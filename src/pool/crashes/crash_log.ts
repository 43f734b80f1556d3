import type { CrashKind } from "./crash_kind.ts";

/** The number of workers of a pool that ended unasked, and what became of their calls. */
export interface CrashStats {
  /** The number of crashes since a pool of this name was created. */
  readonly total: number;
  /** The length of the window that `recent` covers. */
  readonly windowMs: number;
  /** The number of crashes within the window, by kind. */
  readonly recent: Readonly<Partial<Record<CrashKind, number>>>;
  /** The number of times that a call ran again in another worker because its worker had died. */
  readonly reruns: number;
  /** The number of calls that were refused or given up because they kill workers. */
  readonly poisoned: number;
}

/** The most crashes that are kept. If more happen within a window, `recent` misses the oldest. */
const MAX_ENTRIES = 4_096;

/** Counts crashes within a sliding window. */
export class CrashLog {
  readonly #windowMs: number;
  #entries: { readonly at: number; readonly kind: CrashKind }[] = [];
  #total = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get total(): number {
    return this.#total;
  }

  note(kind: CrashKind, now: number): void {
    this.#total++;
    this.#entries.push({ at: now, kind });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
  }

  /** Returns the number of crashes within the window, by kind. */
  recent(now: number): Partial<Record<CrashKind, number>> {
    this.#entries = this.#entries.filter(({ at }) => now - at < this.#windowMs);
    const counts: Partial<Record<CrashKind, number>> = {};
    for (const { kind } of this.#entries) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }
}
