import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/**
 * Something that happens at a set time unless it is cleared. Its fields belong to the one
 * {@link Alarms} that holds it.
 */
export interface Alarm {
  onAlarm(): void;
  alarmSlot?: Slot | undefined;
  alarmPrevious?: Alarm | undefined;
  alarmNext?: Alarm | undefined;
}

/**
 * The alarms of one slot of time, linked through themselves in the order in which they were set.
 */
interface Slot {
  readonly number: number;
  head: Alarm | undefined;
  tail: Alarm | undefined;
}

/**
 * An alarm by itself, for an object that seldom needs one: it is made when it is set. Each class
 * that implements {@link Alarm} adds a shape of object to those that {@link Alarms.set} meets with
 * each call, and beyond four shapes V8 takes three times as long there.
 */
export class LoneAlarm implements Alarm {
  alarmSlot: Slot | undefined = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  onAlarm(): void {
    this.#ring();
  }
}

/** Width of a slot: alarms ring up to this much late. */
const SLOT_MS = 4;

/**
 * Many alarms on one timer. Calls come and go far faster than they time out, so setting and taking
 * back an alarm is a change of a few links. The timer stays when the last alarm is taken back,
 * since the next one may come at once; it rings in vain then, once (a coarse variant of the timing
 * wheel of Varghese and Lauck).
 */
export class Alarms implements Disposable {
  readonly #slots = new Map<number, Slot>();
  /** The slot that was used last; calls that come together share it. */
  #latest: Slot | undefined;
  /** The slot whose alarms ring now. */
  #ringing: Slot | undefined;
  readonly #clock: Clock;
  #stopTimer: (() => void) | undefined;
  #timerSlot = Infinity;

  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** The current time on its clock. */
  get now(): number {
    return this.#clock.now();
  }

  /** Alarms that are set; found by a walk over all of them. */
  get size(): number {
    let size = 0;
    for (const { head } of this.#slots.values()) {
      for (let alarm = head; alarm !== undefined; alarm = alarm.alarmNext) size++;
    }
    return size;
  }

  /** Sets, or moves, an alarm. `atMs` is on the clock of {@link Alarms.now}. */
  set(alarm: Alarm, atMs: number): void {
    this.clear(alarm);
    const slot = this.#slotAt(Math.ceil(atMs / SLOT_MS));
    const { tail } = slot;
    alarm.alarmSlot = slot;
    alarm.alarmPrevious = tail;
    if (tail === undefined) slot.head = alarm;
    else tail.alarmNext = alarm;
    slot.tail = alarm;
    if (slot.number < this.#timerSlot) this.#arm(slot.number);
  }

  /** Takes an alarm back; one that is not set is ignored. */
  clear(alarm: Alarm): void {
    const slot = alarm.alarmSlot;
    if (slot === undefined) return;
    unlink(alarm, slot);
    if (slot.head === undefined) this.#drop(slot);
  }

  /** Takes all alarms back. */
  [Symbol.dispose](): void {
    for (const slot of [...this.#slots.values(), this.#ringing]) {
      while (slot?.head !== undefined) unlink(slot.head, slot);
    }
    this.#slots.clear();
    this.#latest = undefined;
    this.#disarm();
  }

  #slotAt(number: number): Slot {
    if (this.#latest?.number === number) return this.#latest;
    let slot = this.#slots.get(number);
    if (slot === undefined) {
      slot = { number, head: undefined, tail: undefined };
      this.#slots.set(number, slot);
    }
    return this.#latest = slot;
  }

  /** Forgets an empty slot. */
  #drop(slot: Slot): void {
    if (slot === this.#ringing) return;
    this.#slots.delete(slot.number);
    if (this.#latest === slot) this.#latest = undefined;
  }

  #arm(number: number): void {
    this.#disarm();
    this.#timerSlot = number;
    const delayMs = Math.max(0, number * SLOT_MS - this.now);
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
    const due = [...this.#slots.keys()].filter((it) => it <= current).sort((a, b) => a - b);
    for (const number of due) this.#ringSlot(this.#slots.get(number));
    let next = Infinity;
    for (const number of this.#slots.keys()) next = Math.min(next, number);
    if (next < this.#timerSlot) this.#arm(next);
  }

  /**
   * An alarm may set or clear others while it rings; one that sets itself again rings in the next
   * turn.
   */
  #ringSlot(slot: Slot | undefined): void {
    if (slot === undefined) return;
    this.#drop(slot);
    this.#ringing = slot;
    for (let alarm = slot.head; alarm !== undefined; alarm = slot.head) {
      unlink(alarm, slot);
      alarm.onAlarm();
    }
    this.#ringing = undefined;
  }
}

function unlink(alarm: Alarm, slot: Slot): void {
  const { alarmPrevious, alarmNext } = alarm;
  if (alarmPrevious === undefined) slot.head = alarmNext;
  else alarmPrevious.alarmNext = alarmNext;
  if (alarmNext === undefined) slot.tail = alarmPrevious;
  else alarmNext.alarmPrevious = alarmPrevious;
  alarm.alarmSlot = alarm.alarmPrevious = alarm.alarmNext = undefined;
}
