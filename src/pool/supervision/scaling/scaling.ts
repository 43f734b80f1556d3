import { type Alarms, LoneAlarm } from "../../../async/mod.ts";
import { getLogger } from "../../../log.ts";
import { type ReplaceCause, scaledDown, type Worker } from "../../workers/mod.ts";
import type { Demand, StartCap } from "./demand.ts";
import type { Holder, ScalableSlot, ScalableSlots } from "./scalable_slots.ts";
import {
  refuseCount,
  resized,
  type ResizeRequest,
  type ScaleLimits,
  type ScaleOptions,
} from "./scale_limits.ts";

/** Default of `idleTtlMs`. */
const IDLE_TTL_MS = 900_000;

/** Options of a {@link Scaling}. */
export interface ScalingOptions extends ScaleOptions {
  readonly name: string;
  readonly startConcurrency: number;
  /** The devices of the slots. */
  readonly places?: readonly unknown[];
}

/** Dependencies of a {@link Scaling}. */
export interface ScalingDeps<S extends ScalableSlot> {
  readonly slots: ScalableSlots<S>;
  readonly alarms: Alarms;
  /** Default: nothing waits, and nothing is idle. */
  readonly demand?: Demand | undefined;
  /** A limit beyond that of the pool. Default none. */
  readonly cap?: StartCap | undefined;
  /** The time that starts take on average; undefined before the first. */
  startMs(): number | undefined;
  occupancyOf(worker: Worker): Holder<S> | undefined;
  /** Returns the worker that holds a slot; undefined if none does. */
  holderOf(slot: S): Holder<S> | undefined;
  /** Lets a slot come to rest. Its worker finishes its calls and ends; a start is given up. */
  end(slot: S): void;
  /** Called when the number of wanted slots has changed. */
  onWanted(count: number): void;
}

/**
 * Decides how many workers a pool has, between `min` and `max`.
 *
 * More are started while calls wait that no worker is free for, and no worker that starts will be:
 * the first one at once. A further one is started if the queue has waited for `scaleUpAfterMs`. By
 * default it is started at once, unless the workers that are there will probably have taken all
 * calls before it were ready: starts and calls are measured. If that turns out wrong, it is started
 * when the queue has waited for as long as a start takes. At most `startConcurrency` are on their
 * way at a time; when one is ready, the queue is looked at again.
 *
 * Of the workers above `min`, those are ended that have been idle for `idleTtlMs`, the one first
 * that was used least recently. A busy one is never ended, nor one that has sessions with strict
 * affinity, or tools that it has registered.
 */
export class Scaling<S extends ScalableSlot> {
  readonly #options: ScalingOptions;
  readonly #deps: ScalingDeps<S>;
  readonly #log = getLogger("pool");
  readonly #idleAlarm = new LoneAlarm(() => this.#onIdleAlarm());
  readonly #queueAlarm = new LoneAlarm(() => this.reconsider());
  #limits: ScaleLimits;
  #isOpen = false;
  #isConsidering = false;
  #isIdleAlarmSet = false;
  #startedAt = -Infinity;
  #wanted = 0;

  constructor(options: ScalingOptions, deps: ScalingDeps<S>) {
    const { size, min = size, spare = 0 } = options;
    this.#options = options;
    this.#deps = deps;
    this.#limits = { min, max: size, spare };
  }

  get limits(): ScaleLimits {
    return this.#limits;
  }

  /** True from the start on, until the pool stops. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True if the pool was started, and may have no worker while nothing is to do. */
  get mayRest(): boolean {
    return this.#limits.min === 0 && this.#isOpen;
  }

  /** True while the pool has no worker and starts none, since nothing is to do. */
  get isAtRest(): boolean {
    return this.mayRest && this.#deps.slots.wanted === 0;
  }

  /** The number of workers that the pool has, starts, or still ends. */
  get occupied(): number {
    return this.#deps.slots.inUse;
  }

  /** The number of workers that the pool keeps or starts. */
  get wanted(): number {
    return this.#deps.slots.wanted;
  }

  /** True if the number of workers depends on the work. */
  get isElastic(): boolean {
    return this.#limits.min < this.#limits.max;
  }

  /** The number of workers that may be started for calls, beyond those that are on their way. */
  get startable(): number {
    if (!this.isElastic || !this.#isOpen) return 0;
    const { slots, cap } = this.#deps;
    const free = Math.max(0, this.#limits.max - slots.inUse);
    if (free === 0 || cap === undefined) return free;
    return Math.min(free, cap.room?.() ?? (cap.mayStart() ? free : 0));
  }

  /** The calls for which workers are on their way, or may be, beyond those that wait. */
  get unclaimed(): number {
    const { slots, demand } = this.#deps;
    const capacity = demand?.capacity ?? 1;
    return (slots.filling + this.startable) * capacity - (demand?.waiting ?? 0);
  }

  /** Starts the first workers. */
  start(): void {
    this.#isOpen = true;
    const { min, max, spare } = this.#limits;
    const { slots } = this.#deps;
    this.#wake(min - slots.wanted);
    this.#wake(Math.min(spare, max) - slots.wanted, { isCapped: true });
  }

  /** Starts and ends none any more. */
  close(): void {
    this.#isOpen = false;
    this.#deps.alarms.clear(this.#idleAlarm);
    this.#deps.alarms.clear(this.#queueAlarm);
  }

  /**
   * Changes the limits. Missing workers are started, and excess ones take no more calls and end.
   *
   * @throws {InvalidInputError}
   */
  resize(change: ResizeRequest): ScaleLimits {
    const { name, places = [], size } = this.#options;
    const placed = places.length === 0 ? undefined : size;
    const limits = resized({ name, limits: this.#limits, placed }, change);
    const before = this.#limits;
    this.#limits = limits;
    this.#log.info("resized the pool {pool}: {min} to {max} workers, {spare} spare", {
      pool: name,
      ...limits,
      before,
    });
    if (this.#isOpen) this.reconsider();
    return limits;
  }

  /** Ends the idle workers above `min` and `spare` now, and returns their ids. */
  clean(): readonly string[] {
    return this.#clean(0, scaledDown("the idle workers of its pool were ended"));
  }

  /**
   * Starts some more workers, up to `max`; -1 for as many as there may be. Resolves with the ids of
   * those that are ready, once all were tried.
   *
   * @throws {InvalidInputError}
   */
  async ahead(count: number): Promise<readonly string[]> {
    refuseCount(this.#options.name, count);
    const free = Math.max(0, this.#limits.max - this.#deps.slots.inUse);
    const slots = this.#wake(count < 0 ? free : Math.min(count, free), { isCapped: true });
    await Promise.all(slots.map((slot) => slot.attempted()));
    return slots.filter(({ isServed }) => isServed).map(({ id }) => id);
  }

  /**
   * Lets one worker above `min` end, since another pool has too few; returns false if none may. One
   * that has strict sessions or registered tools never does.
   */
  yield({ mayBeBusy }: { readonly mayBeBusy: boolean }): boolean {
    const { slots, demand } = this.#deps;
    if (!this.#isOpen || slots.wanted <= this.#limits.min) return false;
    const mayEnd = (worker: Worker | undefined): boolean =>
      worker === undefined || demand?.isHeld(worker) !== true;
    const isFree = slots.filling > 0 || demand?.idle.some(mayEnd) === true;
    if (!isFree && !mayBeBusy) return false;
    const hasOne = slots.all.some((it) => it.isWanted && mayEnd(this.#deps.holderOf(it)?.worker));
    if (!hasOne) return false;
    this.#shed(1, "another pool has too few workers");
    return true;
  }

  /** Ends a worker without a successor, if it is above `min` and not missed; else returns false. */
  dispense(occupancy: Holder<S>, cause: ReplaceCause): boolean {
    const { slots, demand } = this.#deps;
    const { min } = this.#limits;
    if (!this.isElastic || slots.wanted <= min || (demand?.waiting ?? 0) > 0) return false;
    if (occupancy.isEnding) return false;
    this.#end(occupancy.slot, cause);
    return true;
  }

  /** Returns true if a slot that is empty is to be filled again. */
  isNeeded(slot: S, { hasFailed }: { readonly hasFailed: boolean }): boolean {
    const { slots, demand } = this.#deps;
    const { min, max } = this.#limits;
    const others = slots.wanted - 1;
    if (others < min) return true;
    if (others >= max) return false;
    // Somebody has to find out when workers can be started again.
    if (hasFailed && others === 0) return true;
    const filling = slots.filling - (slot.isFilling ? 1 : 0);
    return this.#lacking(demand, filling) > 0;
  }

  /** Notes that a call waits. */
  waits(): void {
    this.#note();
  }

  /** Notes that a call was sent to a worker, which may have been a spare one. */
  takes(): void {
    if (this.#limits.spare > 0) this.#note();
  }

  /** Notes that a worker has become idle. This may be after each call, so it must cost nothing. */
  idles(): void {
    if (!this.#isIdleAlarmSet && this.#wanted > this.#limits.min) this.#note();
  }

  #note(): void {
    if (this.#isConsidering || !this.#isOpen || !this.isElastic) return;
    this.#isConsidering = true;
    // Calls that arrive together are looked at once.
    queueMicrotask(() => {
      this.#isConsidering = false;
      this.reconsider();
    });
  }

  /** Notes that a slot has changed, or rests. */
  changed(slot: S): void {
    if (!this.#isOpen) return;
    this.#changed();
    if (!slot.isInUse) this.#deps.cap?.onRoomFreed?.();
    this.reconsider();
  }

  /** Starts and ends workers as it must be now. */
  reconsider(): void {
    if (!this.#isOpen) return;
    const { slots } = this.#deps;
    const { min, max } = this.#limits;
    if (slots.wanted > max) this.#shed(slots.wanted - max);
    this.#wake(min - slots.wanted);
    if (!this.isElastic) return;
    this.#grow();
    this.#watchIdle();
  }

  #changed(): void {
    this.#wanted = this.#deps.slots.wanted;
    this.#deps.onWanted(this.#wanted);
  }

  /** Wakes some slots, as far as there are any; returns them. */
  #wake(count: number, { isCapped = false } = {}): S[] {
    const { slots, cap } = this.#deps;
    const woken: S[] = [];
    while (woken.length < count) {
      if (isCapped && cap?.mayStart() === false) break;
      const slot = slots.wake(this.#limits.max);
      if (slot === undefined) break;
      woken.push(slot);
      this.#changed();
    }
    return woken;
  }

  /** The number of workers that calls and the spare ones need, beyond those that are coming. */
  #lacking(demand: Demand | undefined, filling: number): number {
    if (demand === undefined) return 0;
    const { spare } = this.#limits;
    return Math.ceil(demand.waiting / demand.capacity) + spare - demand.idle.length - filling;
  }

  #grow(): void {
    const { slots, demand, alarms, startConcurrency } = { ...this.#deps, ...this.#options };
    if (demand === undefined) return;
    const { max, spare } = this.#limits;
    while (slots.inUse < max) {
      const { filling } = slots;
      if (filling >= startConcurrency || this.#lacking(demand, filling) <= 0) return;
      const dueAt = spare > 0 ? -Infinity : this.#dueAt(demand, filling);
      const { now } = alarms;
      if (dueAt > now) return alarms.set(this.#queueAlarm, dueAt);
      if (this.#wake(1, { isCapped: true }).length === 0) return;
      this.#startedAt = now;
    }
  }

  /** Returns the time at which one more worker is to be started, if the calls still wait then. */
  #dueAt(demand: Demand, filling: number): number {
    const { serving, waitingSince, capacity } = demand;
    if (serving + filling === 0) return -Infinity;
    const { scaleUpAfterMs } = this.#options;
    const last = Math.max(waitingSince, this.#startedAt);
    if (scaleUpAfterMs !== undefined) {
      return scaleUpAfterMs === 0 ? -Infinity : last + scaleUpAfterMs;
    }
    const startMs = this.#deps.startMs();
    if (startMs === undefined) return -Infinity;
    const freeInMs = filling > 0 ? 0 : demand.freeInMs;
    const neededMs = freeInMs + demand.backlogMs / (capacity * (serving + filling));
    return neededMs > startMs ? -Infinity : last + startMs;
  }

  // ---- fewer workers ----

  /** Lets slots come to rest, beginning with those that matter least. */
  #shed(count: number, why = "its pool was made smaller"): void {
    const { slots, demand } = this.#deps;
    const cause = scaledDown(why);
    const idle = demand?.idle ?? [];
    const held = (slot: S): Worker | undefined => this.#deps.holderOf(slot)?.worker;
    const rank = (slot: S): number => {
      const worker = held(slot);
      if (worker === undefined) return 0;
      const place = idle.indexOf(worker);
      if (demand?.isHeld(worker)) return 10_000 + place;
      return place < 0 ? 1_000 : 1 + place;
    };
    const ranked = slots.all.filter(({ isWanted }) => isWanted)
      .map((slot, i) => ({ slot, rank: rank(slot), i }))
      .sort((a, b) => a.rank - b.rank || b.i - a.i);
    for (const { slot } of ranked.slice(0, count)) this.#end(slot, cause);
  }

  #end(slot: S, cause: ReplaceCause): void {
    const worker = this.#deps.holderOf(slot)?.worker;
    if (worker !== undefined) {
      worker.replaceCause = cause;
      this.#log.info("{workerId} ends: {reason}", { workerId: slot.id, reason: cause.text });
    }
    this.#deps.end(slot);
    this.#changed();
  }

  /** Ends the workers above `min` that have been idle for this time; returns their ids. */
  #clean(idleMs: number, cause: ReplaceCause): string[] {
    const { slots, demand, alarms: { now } } = this.#deps;
    if (!this.#isOpen || demand === undefined || demand.waiting > 0) return [];
    const { min, spare } = this.#limits;
    const idle = [...demand.idle].sort((a, b) => a.usedAt - b.usedAt);
    let excess = Math.min(slots.wanted - min, idle.length - spare);
    const ended: string[] = [];
    for (const worker of idle) {
      if (excess <= 0) break;
      const occupancy = this.#deps.occupancyOf(worker);
      if (occupancy === undefined || occupancy.isEnding) continue;
      if (now - worker.usedAt < idleMs || demand.isHeld(worker)) continue;
      excess--;
      ended.push(worker.id);
      this.#end(occupancy.slot, cause);
    }
    return ended;
  }

  #onIdleAlarm(): void {
    this.#isIdleAlarmSet = false;
    const { idleTtlMs = IDLE_TTL_MS } = this.#options;
    this.#clean(idleTtlMs, scaledDown(`it was idle for ${idleTtlMs} ms`));
    this.#watchIdle();
  }

  /** Sets the alarm for the next worker that will have been idle for too long. */
  #watchIdle(): void {
    if (this.#isIdleAlarmSet || !this.#isOpen) return;
    const { slots, demand, alarms } = this.#deps;
    const { min, spare } = this.#limits;
    if (demand === undefined) return;
    const { idle } = demand;
    if (slots.wanted <= min || idle.length <= spare) return;
    const { idleTtlMs = IDLE_TTL_MS } = this.#options;
    const { now } = alarms;
    // One that is not ended although its time is up is looked at again after as long.
    const dueAt = (worker: Worker): number =>
      worker.usedAt + idleTtlMs > now ? worker.usedAt + idleTtlMs : now + idleTtlMs;
    this.#isIdleAlarmSet = true;
    alarms.set(this.#idleAlarm, Math.min(...idle.map(dueAt)));
  }
}
