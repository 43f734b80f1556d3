import type { Clock } from "../../async/mod.ts";

/** When a worker is pinged, and when it is taken for frozen; times in milliseconds. */
export interface HeartbeatOptions {
  /** Between two pings; 0 for none. */
  readonly pingIntervalMs: number;
  /** A ping that has brought no sign of life within this is missed. */
  readonly pingTimeoutMs: number;
  /** Pings missed in a row after which a worker is taken for frozen. */
  readonly maxMissed: number;
}

/** Something that is pinged. */
export interface Pinged {
  /** Grows whenever something comes from it. */
  readonly heard: number;
  /** Sends it a ping. */
  beat(): void;
}

/** Receives what the pings show. */
export interface HeartbeatEvents<T> {
  /**
   * Called when it has missed `maxMissed` pings in a row, the first of which was sent `silentMs` ago. Called once a
   * silence.
   */
  onSilent(it: T, missed: number, silentMs: number): void;
  /** Called when something comes from it after such a silence. */
  onHeard(it: T): void;
}

/** A timer that rings later than this is the fault of this process, or of a machine that slept. */
const LATE_MS = 25;

/** The pings of one of them. */
interface Pulse {
  heard: number;
  /** When the pings that it owes an answer to will be missed, oldest first. */
  due: number[];
  missed: number;
  /** When the first ping was sent after which nothing has come. */
  silentSince: number | undefined;
  /** The oldest ping was found to be due in the look before. */
  suspect: boolean;
  /** Its silence was reported. */
  reported: boolean;
}

/**
 * Counts the pings that workers miss, on one timer for all of them. Whatever comes from a worker is a sign of life, and
 * takes back all misses; a ping is missed when nothing has come by its time.
 *
 * The host must not count its own faults. What it has not read yet is read in the turn of the event loop between two
 * looks, so a ping counts as missed in the second look that finds it due. And when the timer itself is late, because the
 * event loop was blocked or the machine asleep, all pings get that time on top.
 */
export class Heartbeat<T extends Pinged> implements Disposable {
  readonly #options: HeartbeatOptions;
  readonly #clock: Clock;
  readonly #events: HeartbeatEvents<T>;
  readonly #pulses = new Map<T, Pulse>();
  #stopTimer: (() => void) | undefined;
  #ringAt = 0;
  #nextRound = 0;

  constructor(options: HeartbeatOptions, clock: Clock, events: HeartbeatEvents<T>) {
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
  }

  /** Starts to ping one more. Its first ping goes out at once and is not counted. */
  add(it: T): void {
    if (this.#options.pingIntervalMs === 0) return;
    const now = this.#clock.now();
    this.#pulses.set(it, {
      heard: it.heard,
      due: [],
      missed: 0,
      silentSince: undefined,
      suspect: false,
      reported: false,
    });
    it.beat();
    if (this.#stopTimer === undefined) {
      this.#nextRound = now + this.#options.pingIntervalMs;
      this.#arm(this.#nextRound);
    }
  }

  /** Pings it no more; one that is not known is ignored. */
  remove(it: T): void {
    this.#pulses.delete(it);
    if (this.#pulses.size === 0) this.#disarm();
  }

  /** Returns the number of pings missed in a row so far. */
  missed(it: T): number {
    return this.#pulses.get(it)?.missed ?? 0;
  }

  [Symbol.dispose](): void {
    this.#pulses.clear();
    this.#disarm();
  }

  #arm(at: number): void {
    this.#ringAt = at;
    const delayMs = Math.max(0, at - this.#clock.now());
    this.#stopTimer = this.#clock.after(delayMs, () => this.#ring());
  }

  #disarm(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #ring(): void {
    this.#disarm();
    const now = this.#clock.now();
    const lateMs = now - this.#ringAt;
    if (lateMs > LATE_MS) this.#giveTime(lateMs, now);
    for (const [it, pulse] of [...this.#pulses]) this.#look(it, pulse, now);
    if (now >= this.#nextRound) this.#beat(now);
    let next = this.#nextRound;
    for (const { due: [due = Infinity], suspect } of this.#pulses.values()) {
      // A turn of the event loop later: what the sockets hold is read before this rings.
      next = Math.min(next, suspect ? now + 1 : due);
    }
    if (this.#pulses.size > 0) this.#arm(next);
  }

  /** Gives all pings the time that this process was away, and those that were just due as much as a ping has. */
  #giveTime(lateMs: number, now: number): void {
    const atLeast = now + Math.min(lateMs, this.#options.pingTimeoutMs);
    for (const pulse of this.#pulses.values()) {
      pulse.suspect = false;
      pulse.due = pulse.due.map((due) => Math.max(due + lateMs, atLeast));
    }
  }

  #look(it: T, pulse: Pulse, now: number): void {
    if (it.heard !== pulse.heard) return this.#heard(it, pulse);
    const [due = Infinity] = pulse.due;
    if (due > now) return;
    if (!pulse.suspect) {
      pulse.suspect = true;
      return;
    }
    pulse.suspect = false;
    pulse.due.shift();
    pulse.missed++;
    if (pulse.missed < this.#options.maxMissed || pulse.reported) return;
    pulse.reported = true;
    this.#events.onSilent(it, pulse.missed, now - (pulse.silentSince ?? now));
  }

  #heard(it: T, pulse: Pulse): void {
    pulse.heard = it.heard;
    pulse.due = [];
    pulse.missed = 0;
    pulse.silentSince = undefined;
    pulse.suspect = false;
    if (!pulse.reported) return;
    pulse.reported = false;
    this.#events.onHeard(it);
  }

  #beat(now: number): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#options;
    for (const [it, pulse] of this.#pulses) {
      pulse.due.push(now + pingTimeoutMs);
      pulse.silentSince ??= now;
      it.beat();
    }
    // On a grid, so that what each ring is late does not add up.
    this.#nextRound += pingIntervalMs;
    if (this.#nextRound <= now) this.#nextRound = now + pingIntervalMs;
  }
}
