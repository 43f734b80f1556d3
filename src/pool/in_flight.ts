import { CallList, type Listed } from "./call_list.ts";
import type { Alarm, Deadlines } from "./deadlines.ts";

/** Time after which the calls behind one that still runs are asked back. */
export const RECALL_AFTER_MS = 10;
/** Most calls of one worker at a time, however short they are. */
export const MAX_IN_FLIGHT = 256;

/** Stands for a run time that is not known: longer than any budget, and still a number to add and subtract. */
const UNKNOWN_MS = 3_600_000;

/** What can be in flight. */
export interface Sent extends Listed {
  /** What it counts in the backlog; belongs to {@link InFlight}. */
  expectedMs: number;
}

/**
 * The window of one worker: the calls that it was sent and has not answered, in the order in which it runs them. The first
 * one, the head, is believed to run; the others wait behind it.
 *
 * While calls wait, an alarm looks after the head. The first time it is found to be overdue nothing happens, since it may
 * be the host that is late and the answer already there to be read; when the same call is still the head in the next look,
 * a turn of the event loop later, the calls behind it are asked back. The alarm is set once and looks at the clock when it
 * rings, so that a call costs nothing.
 */
export class InFlight<T extends Sent> implements Alarm {
  alarmSlot = undefined;
  alarmPrevious = undefined;
  alarmNext = undefined;
  readonly #calls = new CallList<T>();
  readonly #alarms: Deadlines;
  readonly #recall: () => void;
  #backlogMs = 0;
  #headSince = 0;
  #watching = false;
  /** The head that was found to be overdue. */
  #suspect: T | undefined;

  /**
   * @param alarms Where the head is looked after.
   * @param recall Asks the worker for what it has not started.
   */
  constructor(alarms: Deadlines, recall: () => void) {
    this.#alarms = alarms;
    this.#recall = recall;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The call that is believed to run. */
  get head(): T | undefined {
    return this.#calls.head;
  }

  /** Since when it is believed to. */
  get headSince(): number {
    return this.#headSince;
  }

  /** Time that all of them together are expected to run. */
  get backlogMs(): number {
    return this.#backlogMs;
  }

  /**
   * True when one more may be sent: when nothing is in flight, or when what is there is expected to be done within
   * `budgetMs` and the head is not overdue. A budget of 0 makes a window of one.
   */
  hasRoom(budgetMs: number, now: number): boolean {
    if (this.size === 0) return true;
    return this.#backlogMs <= budgetMs && budgetMs > 0 && this.size < MAX_IN_FLIGHT &&
      now - this.#headSince < RECALL_AFTER_MS;
  }

  /** A call was sent. */
  add(call: T, expectedMs: number, now: number): void {
    call.expectedMs = Math.min(expectedMs, UNKNOWN_MS);
    this.#backlogMs += call.expectedMs;
    if (this.size === 0) this.#headSince = now;
    this.#calls.push(call);
    if (!this.#watching && this.size > 1) this.#watch(this.#headSince + RECALL_AFTER_MS);
  }

  /** A call was answered or given back. False when it was not in flight. */
  remove(call: T, now: number): boolean {
    const wasHead = this.head === call;
    if (!this.#calls.remove(call)) return false;
    // Empty means 0: what rounding leaves does not add up.
    this.#backlogMs = this.size === 0 ? 0 : this.#backlogMs - call.expectedMs;
    if (wasHead) {
      this.#headSince = now;
      this.#suspect = undefined;
      if (!this.#watching && this.size > 1) this.#watch(now + RECALL_AFTER_MS);
    }
    return true;
  }

  /** Takes out all of them, in order. */
  drain(): T[] {
    this.#alarms.clear(this);
    this.#watching = false;
    this.#suspect = undefined;
    this.#backlogMs = 0;
    return this.#calls.drain();
  }

  onAlarm(): void {
    this.#watching = false;
    if (this.size < 2) return;
    const { now } = this.#alarms;
    const overdueAt = this.#headSince + RECALL_AFTER_MS;
    if (now < overdueAt) return this.#watch(overdueAt);
    if (this.#suspect === this.head) return this.#recall();
    this.#suspect = this.head;
    // What the sockets hold is read before this rings.
    this.#watch(now + 1);
  }

  #watch(at: number): void {
    this.#watching = true;
    this.#alarms.set(this, at);
  }
}
