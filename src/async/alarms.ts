import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/**
 * A callback that is due at a set time, unless it is cleared. Its fields belong to the
 * {@link Alarms} that it is set in; nobody else may write them.
 */
export interface Alarm {
  onAlarm(): void;
  alarmBucket?: Bucket | undefined;
  alarmPrevious?: Alarm | undefined;
  alarmNext?: Alarm | undefined;
}

/**
 * The alarms of one interval of {@link BUCKET_MS}: a linked list, in the order in which they were
 * set.
 */
interface Bucket {
  readonly number: number;
  head: Alarm | undefined;
  tail: Alarm | undefined;
}

/**
 * An alarm of its own, for an object that seldom needs one and creates it on demand. Each class
 * that implements {@link Alarm} is one more object shape in {@link Alarms.set}, which runs with
 * every call. Beyond four shapes V8 takes three times as long there.
 */
export class LoneAlarm implements Alarm {
  alarmBucket: Bucket | undefined = undefined;
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

/** The width of a bucket, and so how late an alarm may ring. */
const BUCKET_MS = 4;

/**
 * Many alarms on one timer: a coarse variant of the timing wheel of Varghese and Lauck. Most calls
 * end long before they time out, so setting and clearing an alarm only changes a few links.
 * Clearing the last alarm leaves the timer running, since the next alarm may be set at once; at
 * worst the timer fires once for nothing.
 */
export class Alarms implements Disposable {
  readonly #buckets = new Map<number, Bucket>();
  /**
   * The bucket that was used last, which may be empty. Calls that arrive together share it, and so
   * do those that come one after the other within its time.
   */
  #latest: Bucket | undefined;
  /** The bucket whose alarms are ringing. */
  #ringing: Bucket | undefined;
  readonly #clock: Clock;
  #stopTimer: (() => void) | undefined;
  #timerBucket = Infinity;

  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** The current time of the clock. */
  get now(): number {
    return this.#clock.now();
  }

  /** The number of alarms that are set. Counting walks over all of them. */
  get size(): number {
    let size = 0;
    for (const { head } of this.#buckets.values()) {
      for (let alarm = head; alarm !== undefined; alarm = alarm.alarmNext) size++;
    }
    return size;
  }

  /** Sets an alarm, or moves one that is set. `atMs` is a time of {@link Alarms.now}. */
  set(alarm: Alarm, atMs: number): void {
    this.clear(alarm);
    const bucket = this.#bucketAt(Math.ceil(atMs / BUCKET_MS));
    const { tail } = bucket;
    alarm.alarmBucket = bucket;
    alarm.alarmPrevious = tail;
    if (tail === undefined) bucket.head = alarm;
    else tail.alarmNext = alarm;
    bucket.tail = alarm;
    if (bucket.number < this.#timerBucket) this.#arm(bucket.number);
  }

  /** Clears an alarm. Does nothing if it is not set. */
  clear(alarm: Alarm): void {
    const bucket = alarm.alarmBucket;
    if (bucket === undefined) return;
    unlink(alarm, bucket);
    if (bucket.head === undefined) this.#drop(bucket);
  }

  /** Clears all alarms. */
  [Symbol.dispose](): void {
    for (const bucket of [...this.#buckets.values(), this.#ringing]) {
      while (bucket?.head !== undefined) unlink(bucket.head, bucket);
    }
    this.#buckets.clear();
    this.#latest = undefined;
    this.#disarm();
  }

  #bucketAt(number: number): Bucket {
    if (this.#latest?.number === number) return this.#latest;
    const before = this.#latest;
    if (before?.head === undefined && before !== undefined) this.#buckets.delete(before.number);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = { number, head: undefined, tail: undefined };
      this.#buckets.set(number, bucket);
    }
    return this.#latest = bucket;
  }

  /** Removes an empty bucket, unless it is the latest. */
  #drop(bucket: Bucket): void {
    if (bucket !== this.#ringing && bucket !== this.#latest) this.#buckets.delete(bucket.number);
  }

  #arm(number: number): void {
    this.#disarm();
    this.#timerBucket = number;
    const delayMs = Math.max(0, number * BUCKET_MS - this.now);
    // A timer takes at most 2^31 ms, so the timer of a distant alarm is set again once a day.
    this.#stopTimer = this.#clock.after(Math.min(delayMs, 86_400_000), () => this.#ring());
  }

  #disarm(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#timerBucket = Infinity;
  }

  #ring(): void {
    this.#disarm();
    const current = Math.floor(this.now / BUCKET_MS);
    const due = [...this.#buckets.keys()].filter((it) => it <= current).sort((a, b) => a - b);
    for (const number of due) this.#ringBucket(this.#buckets.get(number));
    let next = Infinity;
    for (const number of this.#buckets.keys()) next = Math.min(next, number);
    if (next < this.#timerBucket) this.#arm(next);
  }

  /**
   * Rings the alarms of a bucket. An alarm may set or clear others while it rings. If it sets
   * itself again, it rings in the next turn at the earliest.
   */
  #ringBucket(bucket: Bucket | undefined): void {
    if (bucket === undefined) return;
    this.#buckets.delete(bucket.number);
    if (this.#latest === bucket) this.#latest = undefined;
    this.#ringing = bucket;
    for (let alarm = bucket.head; alarm !== undefined; alarm = bucket.head) {
      unlink(alarm, bucket);
      alarm.onAlarm();
    }
    this.#ringing = undefined;
  }
}

function unlink(alarm: Alarm, bucket: Bucket): void {
  const { alarmPrevious, alarmNext } = alarm;
  if (alarmPrevious === undefined) bucket.head = alarmNext;
  else alarmPrevious.alarmNext = alarmNext;
  if (alarmNext === undefined) bucket.tail = alarmPrevious;
  else alarmNext.alarmPrevious = alarmPrevious;
  alarm.alarmBucket = alarm.alarmPrevious = alarm.alarmNext = undefined;
}
