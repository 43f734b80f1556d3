import type { Alarm, Alarms } from "../../async/mod.ts";
import { CallList, type Listed } from "./call_list.ts";

/** Time that a call may wait behind another one before it, and all that wait, are asked back. */
export const RECALL_AFTER_MS = 10;
/** Most calls of one worker at a time, however short they are. */
export const MAX_IN_FLIGHT = 256;

/** Stands for a run time that is not known: longer than any budget, and still a number to add and subtract. */
const UNKNOWN_MS = 3_600_000;

/** What can be in flight. */
export interface Sent extends Listed {
  /** What it counts in the backlog, and since when it is there; both belong to {@link InFlight}. */
  expectedMs: number;
  inFlightSince: number;
}

/**
 * The window of one worker: the calls that it was sent and has not answered, in the order in which it runs them. The first
 * one, the head, is believed to run; the others wait behind it.
 *
 * While calls wait, an alarm looks after the one that is next, since it has waited longest. The first time it is found to
 * be overdue nothing happens: it may be the host that is late, and answers already there to be read. When the same call
 * still waits in the next look, a turn of the event loop later, all that wait are asked back. The alarm is set once and
 * looks at the clock when it rings, so that a call costs nothing.
 */
export class InFlight<T extends Sent> implements Alarm {
  alarmSlot = undefined;
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

  /**
   * @param alarms Where the head is looked after.
   * @param recall Asks the worker for what it has not started.
   */
  constructor(alarms: Alarms, recall: () => void) {
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
      now - this.#headSince < RECALL_AFTER_MS &&
      now - (this.#next?.inFlightSince ?? now) < RECALL_AFTER_MS;
  }

  /** A call was sent. */
  add(call: T, expectedMs: number, now: number): void {
    call.expectedMs = Math.min(expectedMs, UNKNOWN_MS);
    this.#backlogMs += call.expectedMs;
    call.inFlightSince = now;
    if (this.size === 0) this.#headSince = now;
    this.#calls.push(call);
    if (!this.#watching && this.size > 1) this.#watch(now + RECALL_AFTER_MS);
  }

  /** A call was answered or given back. False when it was not in flight. */
  remove(call: T, now: number): boolean {
    const wasHead = this.head === call;
    if (!this.#calls.remove(call)) return false;
    // Empty means 0: what rounding leaves does not add up.
    this.#backlogMs = this.size === 0 ? 0 : this.#backlogMs - call.expectedMs;
    if (wasHead) {
      this.#headSince = now;
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
    const next = this.#next;
    if (next === undefined) return;
    const { now } = this.#alarms;
    const overdueAt = next.inFlightSince + RECALL_AFTER_MS;
    if (now < overdueAt) return this.#watch(overdueAt);
    if (this.#suspect === next) return this.#recall();
    this.#suspect = next;
    // What the sockets hold is read before this rings.
    this.#watch(now + 1);
  }

  /** The call behind the head. */
  get #next(): T | undefined {
    return this.head?.queueNext as T | undefined;
  }

  #watch(at: number): void {
    this.#watching = true;
    this.#alarms.set(this, at);
  }
}
