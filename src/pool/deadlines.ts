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
  readonly #now: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerSlot = Infinity;

  /** @param now Milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Sets, or moves, an alarm. `atMs` is on the clock given to the constructor. */
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
    const delayMs = Math.max(0, slot * SLOT_MS - this.#now());
    // A timer holds 31 bits of milliseconds; a far alarm is looked at once a day and armed again.
    this.#timer = setTimeout(() => this.#ring(), Math.min(delayMs, 86_400_000));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerSlot = Infinity;
  }

  #ring(): void {
    this.#disarm();
    const current = Math.floor(this.#now() / SLOT_MS);
    const due = [...this.#slots.keys()].filter((slot) => slot <= current).sort((a, b) => a - b);
    for (const slot of due) {
      for (const alarm of this.#slots.get(slot) ?? []) {
        this.clear(alarm);
        alarm.onAlarm();
      }
    }
    let next = Infinity;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    if (next < this.#timerSlot) this.#arm(next);
  }
}
