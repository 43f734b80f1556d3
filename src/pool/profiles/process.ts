import type { Alarm, Alarms } from "../../async/mod.ts";
import { CallList } from "../calls/mod.ts";
import type {
  CallWindow,
  InFlightAtExit,
  Profile,
  Sent,
  WindowDeps,
  WindowExit,
} from "./profile.ts";

/** The time that a call may wait behind another one. Then all waiting calls are recalled. */
export const RECALL_AFTER_MS = 10;
/** The most calls that one worker holds at a time, however short they are. */
export const MAX_IN_FLIGHT = 256;

/**
 * Stands for an unknown run time: longer than any budget, and finite, so that it can be added and
 * subtracted.
 */
const UNKNOWN_MS = 3_600_000;

/**
 * A process that runs one call at a time, in the order in which calls are sent. The first call in
 * flight, the head, is believed to run; the others wait behind it.
 *
 * While calls wait, an alarm watches the next one, which has waited longest. When it is first found
 * overdue, nothing happens: the host itself may be late, with answers still unread. If the same
 * call still waits one turn of the event loop later, all waiting calls are recalled. The alarm is
 * set once and checks the clock when it rings, so that it costs calls nothing.
 */
export class ProcessWindow<T extends Sent> implements CallWindow<T>, Alarm {
  alarmBucket = undefined;
  alarmPrevious = undefined;
  alarmNext = undefined;
  readonly #calls = new CallList<T>();
  readonly #alarms: Alarms;
  readonly #recall: () => void;
  #backlogMs = 0;
  #headSince = 0;
  #watching = false;
  /** The call that was found to have waited too long. */
  #suspect: T | undefined;

  constructor({ alarms, recall }: WindowDeps) {
    this.#alarms = alarms;
    this.#recall = recall;
  }

  get size(): number {
    return this.#calls.size;
  }

  get begun(): readonly T[] {
    const { head } = this.#calls;
    return head === undefined ? [] : [head];
  }

  get waiting(): number {
    return Math.max(0, this.size - 1);
  }

  get backlogMs(): number {
    return this.#backlogMs;
  }

  freeInMs(now: number): number {
    const { head } = this.#calls;
    if (head === undefined) return 0;
    return Math.max(0, this.#backlogMs - Math.min(head.expectedMs, now - this.#headSince));
  }

  find(accepts: (call: T) => boolean): T | undefined {
    return this.#calls.find(accepts);
  }

  hasBegun(call: T): boolean {
    return call === this.#calls.head;
  }

  /**
   * Returns true if nothing is in flight, or if the calls in flight are expected to be done within
   * `budgetMs` and the head is not overdue. With a budget of 0, at most one call is in flight.
   */
  hasRoom(budgetMs: number, now: number): boolean {
    if (this.size === 0) return true;
    return this.#backlogMs <= budgetMs && budgetMs > 0 && this.size < MAX_IN_FLIGHT &&
      now - this.#headSince < RECALL_AFTER_MS &&
      now - (this.#next?.inFlightSince ?? now) < RECALL_AFTER_MS;
  }

  add(call: T, expectedMs: number, now: number): void {
    call.expectedMs = Math.min(expectedMs, UNKNOWN_MS);
    this.#backlogMs += call.expectedMs;
    call.inFlightSince = now;
    if (this.size === 0) this.#headSince = now;
    this.#calls.push(call);
    if (!this.#watching && this.size > 1) this.#watch(now + RECALL_AFTER_MS);
  }

  remove(call: T, now: number): boolean {
    const wasHead = this.#calls.head === call;
    if (!this.#calls.remove(call)) return false;
    // It would stay in memory, with its arguments, until another call waits too long.
    if (this.#suspect === call) this.#suspect = undefined;
    // An empty window resets to 0, so that rounding errors do not accumulate.
    this.#backlogMs = this.size === 0 ? 0 : this.#backlogMs - call.expectedMs;
    if (wasHead) {
      this.#headSince = now;
      if (!this.#watching && this.size > 1) this.#watch(now + RECALL_AFTER_MS);
    }
    return true;
  }

  /**
   * See {@link CallWindow.killAt}. The head gets its whole grace period from the time it began. A
   * call behind the head has not begun and cannot stop; the head has its own limits.
   */
  killAt(call: T, graceMs: number, now: number): number {
    if (this.hasBegun(call)) return this.#headSince + graceMs;
    return now + Math.max(graceMs, RECALL_AFTER_MS);
  }

  drain({ note, readToEnd }: WindowExit): InFlightAtExit<T> {
    this.#alarms.clear(this);
    this.#watching = false;
    this.#suspect = undefined;
    this.#backlogMs = 0;
    const calls = this.#calls.drain();
    if (note === undefined) return { lost: calls, unstarted: [] };
    const [started = 0] = note.startedCalls();
    note[Symbol.dispose]();
    return splitAt(calls, started, readToEnd);
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

  /** The call behind the head. */
  get #next(): T | undefined {
    return this.#calls.head?.queueNext as T | undefined;
  }

  #watch(at: number): void {
    this.#watching = true;
    this.#alarms.set(this, at);
  }
}

/**
 * Splits the calls in flight at the one that was noted as begun, since calls run in the order in
 * which they were sent. If the noted call is not in flight, it has been answered, and the first one
 * in flight was next. Calls sent before the noted one were answered on the link, or given back: if
 * the link was read to its end without their answers, the worker died before it could report giving
 * them back.
 */
function splitAt<T extends Sent>(
  calls: readonly T[],
  started: number,
  readToEnd: boolean,
): InFlightAtExit<T> {
  const at = calls.findIndex((call) => call.linkId === started);
  // A number that is higher than the first in flight, but not in flight, was never sent: the note
  // is damaged.
  if (at < 0 && started > (calls[0]?.linkId ?? Infinity)) return { lost: calls, unstarted: [] };
  const first = readToEnd ? Math.max(at, 0) : 0;
  const unstarted = [...calls.slice(0, first), ...calls.slice(at + 1)];
  return { lost: calls.slice(first, at + 1), unstarted };
}

/** The profile in which a worker is one process that runs one call at a time. */
export const PROCESS: Profile = {
  capacity: 1,
  spreads: false,
  open: <T extends Sent>(deps: WindowDeps): CallWindow<T> => new ProcessWindow<T>(deps),
};
