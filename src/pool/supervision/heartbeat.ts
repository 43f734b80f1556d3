import type { Clock } from "../../async/mod.ts";
import { getLogger } from "../../log.ts";
import type { Worker } from "../workers/mod.ts";

/** The times of pings in milliseconds, and the limit beyond which a worker counts as frozen. */
export interface HeartbeatOptions {
  /** The time between two pings; 0 for no pings. */
  readonly pingIntervalMs: number;
  /** The time without any message after which a ping counts as missed. */
  readonly pingTimeoutMs: number;
  /** The number of pings missed in a row after which a worker counts as frozen. */
  readonly maxMissed: number;
}

/** A worker, as its heartbeat sees it. */
export interface Pinged {
  /** A number that grows with every message from the worker. */
  readonly heard: number;
  /** Sends a ping to the worker. */
  beat(): void;
}

/** Receives what the pings show. */
export interface HeartbeatEvents<T> {
  /**
   * Called when it has missed `maxMissed` pings in a row, the first of which was sent `silentMs`
   * ago; once for each silence.
   */
  onSilent(it: T, missed: number, silentMs: number): void;
  /** Called when a message arrives after a reported silence. */
  onHeard(it: T): void;
}

/** The delay of a timer beyond which this process was blocked, or the machine asleep. */
const LATE_MS = 25;

/** The pings of one worker. */
interface Pulse {
  heard: number;
  /** Times at which its unanswered pings count as missed, oldest first. */
  due: number[];
  missed: number;
  /** The time of the first ping since it was last heard. */
  silentSince: number | undefined;
  /** True if the last check found the oldest ping due. */
  suspect: boolean;
  /** True once its silence was reported. */
  reported: boolean;
}

/**
 * Counts the pings that workers miss, on one timer for all of them. Anything received from a worker
 * is a sign of life and resets its count; a ping is missed if nothing is received before it is due.
 *
 * The host must not blame workers for its own delays. Unread messages are read in the turn of the
 * event loop between two checks, so a ping counts as missed only at the second check that finds it
 * due. If the timer itself is late, because the event loop was blocked or the machine asleep, all
 * pings get that time in addition.
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

  /** Starts pinging one more. Its first ping is sent at once and is not counted. */
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

  /** Stops pinging it; an unknown one is ignored. */
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
      // One turn of the event loop later: the sockets are read before the timer rings.
      next = Math.min(next, suspect ? now + 1 : due);
    }
    if (this.#pulses.size > 0) this.#arm(next);
  }

  /**
   * Extends the deadlines of all pings by the time that this process was blocked. A ping that is
   * overdue gets that time again from now, at most one timeout.
   */
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
    // Rounds are on a grid, so that delays of the timer do not accumulate.
    this.#nextRound += pingIntervalMs;
    if (this.#nextRound <= now) this.#nextRound = now + pingIntervalMs;
  }
}

/** Kills frozen workers, or, unless heartbeats are `dependent`, only logs them. */
export class FrozenWorkers implements HeartbeatEvents<Worker> {
  readonly #kills: boolean;
  readonly #log = getLogger("pool");

  constructor({ dependent }: { readonly dependent: boolean }) {
    this.#kills = dependent;
  }

  onSilent(worker: Worker, missed: number, silentMs: number): void {
    const silence = `it did not answer ${missed} heartbeats, for ${Math.round(silentMs)} ms`;
    const device = worker.place?.device.id;
    const properties = { workerId: worker.id, device, pid: worker.pid, silence };
    if (this.#kills) {
      this.#log.error("killing {workerId}: {silence}", properties);
      worker.killForFault(`was killed: ${silence}`);
    } else this.#log.warn("{workerId} seems to be frozen: {silence}", properties);
  }

  onHeard(worker: Worker): void {
    this.#log.info("{workerId} answers heartbeats again", { workerId: worker.id });
  }
}
