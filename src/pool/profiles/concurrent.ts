import type { Alarm, Alarms } from "../../async/mod.ts";
import { CallList } from "../calls/mod.ts";
import { MAX_IN_FLIGHT, RECALL_AFTER_MS } from "./process.ts";
import type {
  CallWindow,
  InFlightAtExit,
  Profile,
  Sent,
  WindowDeps,
  WindowExit,
} from "./profile.ts";

/** Stands for an unknown run time, as in {@link ProcessWindow}. */
const UNKNOWN_MS = 3_600_000;
/** The most running calls that an estimate looks at: the oldest ones probably end first. */
const MOST_LOOKED_AT = 64;

/**
 * A process that runs up to `capacity` calls at a time. It begins them in the order in which they
 * were sent, one as soon as another one has ended. So the oldest ones in flight are believed to
 * run; the others wait behind them.
 *
 * An alarm watches the call that has waited longest, as in {@link ProcessWindow}.
 */
export class ConcurrentWindow<T extends Sent> implements CallWindow<T>, Alarm {
  alarmBucket = undefined;
  alarmPrevious = undefined;
  alarmNext = undefined;
  readonly #capacity: number;
  readonly #calls = new CallList<T>();
  /** The calls that run, in the order in which they were sent, and when each of them began. */
  readonly #begun = new Map<T, number>();
  readonly #alarms: Alarms;
  readonly #recall: () => void;
  /** The call that begins next. */
  #next: T | undefined;
  /** The time that all calls would take one after the other. */
  #totalMs = 0;
  /** The part of it that is for calls that wait. */
  #waitingMs = 0;
  /** The time at which a call began or ended last. */
  #movedAt = 0;
  /** The highest number of a call that was answered or given back. */
  #lastLinkId = 0;
  #watching = false;
  /** The call that was found to have waited too long. */
  #suspect: T | undefined;

  constructor(capacity: number, { alarms, recall }: WindowDeps) {
    this.#capacity = capacity;
    this.#alarms = alarms;
    this.#recall = recall;
  }

  get size(): number {
    return this.#calls.size;
  }

  get begun(): readonly T[] {
    return [...this.#begun.keys()];
  }

  get waiting(): number {
    return this.size - this.#begun.size;
  }

  get backlogMs(): number {
    return this.#totalMs / this.#capacity;
  }

  freeInMs(now: number): number {
    if (this.size < this.#capacity) return 0;
    let soonest = Infinity;
    let looks = 0;
    for (const [{ expectedMs }, begunAt] of this.#begun) {
      soonest = Math.min(soonest, begunAt + expectedMs - now);
      if (++looks === MOST_LOOKED_AT) break;
    }
    // Those that wait begin before it, each in the place of one that has ended.
    return Math.max(0, soonest) + this.#waitingMs / this.#capacity;
  }

  find(accepts: (call: T) => boolean): T | undefined {
    return this.#calls.find(accepts);
  }

  hasBegun(call: T): boolean {
    return this.#begun.has(call);
  }

  /**
   * Returns true if a place is free, or if the calls in flight are expected to be done within
   * `budgetMs`, side by side, and no call waits for longer than expected.
   */
  hasRoom(budgetMs: number, now: number): boolean {
    if (this.size < this.#capacity) return true;
    return this.backlogMs <= budgetMs && budgetMs > 0 && this.waiting < MAX_IN_FLIGHT &&
      now - this.#movedAt < RECALL_AFTER_MS &&
      now - (this.#next?.inFlightSince ?? now) < RECALL_AFTER_MS;
  }

  add(call: T, expectedMs: number, now: number): void {
    call.expectedMs = Math.min(expectedMs, UNKNOWN_MS);
    this.#totalMs += call.expectedMs;
    call.inFlightSince = now;
    this.#calls.push(call);
    if (this.#begun.size < this.#capacity) this.#begin(call, now);
    else {
      this.#waitingMs += call.expectedMs;
      this.#next ??= call;
      if (!this.#watching) this.#watch(now + RECALL_AFTER_MS);
    }
  }

  remove(call: T, now: number): boolean {
    const following = call.queueNext as T | undefined;
    if (!this.#calls.remove(call)) return false;
    // It would stay in memory, with its arguments, until another call waits too long.
    if (this.#suspect === call) this.#suspect = undefined;
    // An empty window resets to 0, so that rounding errors do not accumulate.
    this.#totalMs = this.size === 0 ? 0 : this.#totalMs - call.expectedMs;
    this.#lastLinkId = Math.max(this.#lastLinkId, call.linkId);
    if (this.#next === call) this.#next = following;
    if (this.#begun.delete(call)) this.#beginNext(now);
    else this.#waitingMs -= call.expectedMs;
    if (this.#next === undefined) this.#waitingMs = 0;
    return true;
  }

  /**
   * See {@link CallWindow.killAt}. A call gets its whole grace period from the time at which it
   * began. One that has not begun cannot stop; those that run have their own limits.
   */
  killAt(call: T, graceMs: number, now: number): number {
    const begunAt = this.#begun.get(call);
    if (begunAt !== undefined) return begunAt + graceMs;
    return now + Math.max(graceMs, RECALL_AFTER_MS);
  }

  drain({ note, readToEnd }: WindowExit): InFlightAtExit<T> {
    this.#alarms.clear(this);
    this.#watching = false;
    this.#suspect = this.#next = undefined;
    this.#totalMs = this.#waitingMs = 0;
    this.#begun.clear();
    const calls = this.#calls.drain();
    if (note === undefined) return { lost: calls, unstarted: [] };
    const started = new Set(note.startedCalls());
    note[Symbol.dispose]();
    return splitByNote(calls, { started, readToEnd, lastAnswered: this.#lastLinkId });
  }

  onAlarm(): void {
    this.#watching = false;
    const next = this.#next;
    if (next === undefined) return;
    const { now } = this.#alarms;
    const overdueAt = next.inFlightSince + RECALL_AFTER_MS;
    if (now < overdueAt) return this.#watch(overdueAt);
    if (this.#suspect === next) return this.#recall();
    this.#suspect = next;
    // The sockets are read before this alarm rings.
    this.#watch(now + 1);
  }

  #beginNext(now: number): void {
    const next = this.#next;
    if (next === undefined) {
      this.#movedAt = now;
      return;
    }
    this.#next = next.queueNext as T | undefined;
    this.#waitingMs -= next.expectedMs;
    this.#begin(next, now);
  }

  #begin(call: T, now: number): void {
    this.#begun.set(call, now);
    this.#movedAt = now;
    if (!this.#watching && this.#next !== undefined) this.#watch(now + RECALL_AFTER_MS);
  }

  #watch(at: number): void {
    this.#watching = true;
    this.#alarms.set(this, at);
  }
}

/** The facts about the calls of a dead worker. */
interface Evidence {
  /** The numbers of the calls that it began last. */
  readonly started: ReadonlySet<number>;
  readonly readToEnd: boolean;
  /** The highest number of a call that it has answered or given back. */
  readonly lastAnswered: number;
}

/**
 * Splits the calls in flight into those that were noted as begun and the others. A noted call that
 * is not in flight has been answered. A call that was sent before a noted one, but is not noted,
 * was answered or given back, or was about to begin. If the link was read to its end, there was no
 * answer, so it has not run.
 */
function splitByNote<T extends Sent>(
  calls: readonly T[],
  { started, readToEnd, lastAnswered }: Evidence,
): InFlightAtExit<T> {
  const lastBegun = Math.max(0, ...started);
  // A number that is higher than all that were sent: the note is damaged.
  if (lastBegun > Math.max(lastAnswered, calls.at(-1)?.linkId ?? 0)) {
    return { lost: calls, unstarted: [] };
  }
  const mayHaveRun = ({ linkId }: T): boolean =>
    started.has(linkId) || (!readToEnd && linkId < lastBegun);
  return {
    lost: calls.filter(mayHaveRun),
    unstarted: calls.filter((call) => !mayHaveRun(call)),
  };
}

/** Returns the profile of workers that run `capacity` calls at a time. */
export function concurrent(capacity: number): Profile {
  return {
    capacity,
    spreads: true,
    open: <T extends Sent>(deps: WindowDeps): CallWindow<T> =>
      new ConcurrentWindow<T>(capacity, deps),
  };
}
