import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/** Something that happens at a time unless it is taken back. */
export interface Alarm {
  onAlarm(): void;
}

/** Width of a slot: alarms ring up to this much late. */
const SLOT_MS = 4;

/**
 * Many alarms on one timer. Calls come and go far faster than they time out, so setting and taking back an alarm is one
 * change of a set, and a timer exists only while alarms do (a coarse variant of the timing wheel of Varghese and Lauck).
 */
export class Deadlines implements Disposable {
  readonly #slots = new Map<number, Set<Alarm>>();
  readonly #slotOf = new Map<Alarm, number>();
  readonly #clock: Clock;
  #stopTimer: (() => void) | undefined;
  #timerSlot = Infinity;

  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** What its clock shows. */
  get now(): number {
    return this.#clock.now();
  }

  /** Sets, or moves, an alarm. `atMs` is on the clock of {@link Deadlines.now}. */
  set(alarm: Alarm, atMs: number): void {
    this.clear(alarm);
    const slot = Math.ceil(atMs / SLOT_MS);
    let alarms = this.#slots.get(slot);
    if (alarms === undefined) this.#slots.set(slot, alarms = new Set());
    alarms.add(alarm);
    this.#slotOf.set(alarm, slot);
    if (slot < this.#timerSlot) this.#arm(slot);
  }

  /** Takes an alarm back; one that is not set is ignored. */
  clear(alarm: Alarm): void {
    const slot = this.#slotOf.get(alarm);
    if (slot === undefined) return;
    this.#slotOf.delete(alarm);
    const alarms = this.#slots.get(slot);
    alarms?.delete(alarm);
    if (alarms?.size === 0) this.#slots.delete(slot);
    if (this.#slots.size === 0) this.#disarm();
  }

  /** Takes all alarms back. */
  [Symbol.dispose](): void {
    this.#slots.clear();
    this.#slotOf.clear();
    this.#disarm();
  }

  #arm(slot: number): void {
    this.#disarm();
    this.#timerSlot = slot;
    const delayMs = Math.max(0, slot * SLOT_MS - this.now);
    // A timer holds 31 bits of milliseconds; a far alarm is looked at once a day and armed again.
    this.#stopTimer = this.#clock.after(Math.min(delayMs, 86_400_000), () => this.#ring());
  }

  #disarm(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#timerSlot = Infinity;
  }

  #ring(): void {
    this.#disarm();
    const current = Math.floor(this.now / SLOT_MS);
    const due = [...this.#slots.keys()].filter((slot) => slot <= current).sort((a, b) => a - b);
    for (const slot of due) {
      // A copy: an alarm may set or clear others, and one that sets itself again rings in the next turn.
      for (const alarm of [...this.#slots.get(slot) ?? []]) {
        if (this.#slotOf.get(alarm) !== slot) continue;
        this.clear(alarm);
        alarm.onAlarm();
      }
    }
    let next = Infinity;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    if (next < this.#timerSlot) this.#arm(next);
  }
}
