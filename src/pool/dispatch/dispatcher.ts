import type { SnakedenError, WorkerExit } from "../../errors.ts";
import { Affinity, SessionCall } from "../affinity/mod.ts";
import { type Attempt, type Call, CallQueue, goesBefore, RunTimes } from "../calls/mod.ts";
import type { Judgement } from "../crashes/mod.ts";
import type { DemandListener, DispatcherOptions } from "./dispatcher_options.ts";
import { freePlaces, leastLoaded } from "./least_loaded.ts";
import { DispatcherRoom } from "./room.ts";
import { mayTake, offerDifferentTools, removeWorker } from "./worker_lists.ts";
import { profileOf } from "../profiles/mod.ts";
import type { CallSource, Worker } from "../workers/mod.ts";

/** The least time that it takes to wake a sleeping process, and perhaps its core. */
const WAKE_UP_MS = 0.05;
/** The longest time that a worker's only call may be expected to run, if one is sent behind it. */
const NEXT_CALL_MS = 5;

/**
 * Decides which worker gets which call. The first choice that exists is taken:
 *
 * 1. a busy worker that is almost done, since an idle one would have to be woken;
 * 2. the worker that became idle last: its memory is warm and its core awake, so it answers a
 *    single caller in two thirds of the time that a sleeping worker needs;
 * 3. the busy worker that will be done soonest, if that is within the budget;
 * 4. the queue.
 *
 * Workers that run several calls at a time are chosen otherwise: of those that begin one more at
 * once the one with the fewest calls, and of the idle ones that which is idle for longest.
 *
 * While calls wait, no worker has room: a worker that joins, answers or gives a call back is sent
 * calls from the queue at once.
 *
 * A worker whose only call is short, but longer than the budget, is sent the next call too, so it
 * waits for no round trip between them. Each other worker must find a call in the queue when it is
 * done, so that none is idle while this call waits.
 *
 * A call of a session may prefer one worker, or wait for it alone, as its {@link Affinity} says. A
 * worker that has room takes the first of the calls that wait for it and those that wait for any
 * worker, by priority and age. A strict call that will bind its session goes to the worker that has
 * been idle for longest: else sessions that begin one after the other would share one worker for
 * good.
 *
 * While the code of the workers is being replaced, they may offer different tools. A call then goes
 * to a worker that offers its tool, and may overtake calls that no worker with room can take. A
 * call of a tool that no worker offers goes to any worker, which refuses it.
 */
export class Dispatcher implements CallSource<Worker> {
  readonly #options: DispatcherOptions;
  readonly #budgetMs: number;
  readonly #spreads: boolean;
  /** Its room for more calls. */
  readonly room: DispatcherRoom;
  /** Decides which worker a call of a session may go to. */
  readonly affinity: Affinity;
  /** Set while the number of workers depends on the work. */
  scaling: DemandListener | undefined = undefined;
  /** The calls that wait for any worker. */
  readonly queue: CallQueue<Call> = new CallQueue<Call>();
  readonly #runTimes = new RunTimes();
  /** Workers that take calls. */
  readonly serving: Worker[] = [];
  /** The workers in `serving` that are ready, the one that became idle last at the end. */
  readonly idleWorkers: Worker[] = [];
  readonly #lists = { idle: this.idleWorkers, serving: this.serving };
  /** True while the workers that take calls offer different tools. */
  #isMixed = false;
  #isPaused = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#budgetMs = options.budgetMs;
    const { spreads = false, capacity = 1 } = options.profile ? profileOf(options.profile) : {};
    this.#spreads = spreads;
    this.room = new DispatcherRoom(this, capacity);
    this.affinity = new Affinity(options.affinity, this.queue);
  }

  get queued(): number {
    return this.queue.size + this.affinity.waiting;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isServing(): boolean {
    return this.serving.length > 0;
  }

  /** Returns the time that a call is expected to run; Infinity if it is unknown. */
  expectedMs({ tool, items }: Call): number {
    return this.#runTimes.expected(tool) * (items || 1);
  }

  /** Sends no more calls. Those that workers have not begun come back. */
  pause(): void {
    this.#isPaused = true;
    for (const worker of this.serving) {
      if (worker.calls - worker.answered > 1) worker.link.recall();
    }
  }

  resume(now: number): void {
    this.#isPaused = false;
    this.sendQueued(now);
    if (this.queue.size > 0) this.scaling?.waits();
    this.room.onIdle?.();
  }

  /** Adds a worker that is ready. */
  join(worker: Worker, now: number): void {
    worker.serve(this);
    this.affinity.joined(worker);
    this.serving.push(worker);
    this.idleWorkers.push(worker);
    this.#isMixed = offerDifferentTools(this.serving);
    this.sendQueued(now);
    this.room.onIdle?.();
  }

  /** Removes a worker that takes no more calls; one that never joined is ignored. */
  leave(worker: Worker, now: number): void {
    for (const list of [this.serving, this.idleWorkers]) removeWorker(list, worker);
    this.affinity.left(worker);
    if (this.#isMixed) this.#isMixed = offerDifferentTools(this.serving);
    // Calls may have waited for this worker alone.
    if (this.queue.size > 0) this.sendQueued(now);
  }

  /** Notes that a worker has exited, before its calls in flight are returned. */
  exited(worker: Worker, exit: WorkerExit, now: number): void {
    this.affinity.exited(worker, exit);
    this.sendQueued(now);
  }

  /** Lets a worker that was spent take calls again. */
  rejoin(worker: Worker, now: number): void {
    if (
      worker.state === "ready" && this.serving.includes(worker) &&
      !this.idleWorkers.includes(worker)
    ) {
      this.idleWorkers.push(worker);
    }
    this.sendQueued(now);
    this.room.onIdle?.();
  }

  /**
   * Takes a worker for one new call of `tool`, which must be sent at once; returns undefined if the
   * call must wait.
   */
  claim(tool: string, now: number, session?: SessionCall): Worker | undefined {
    if (this.#isPaused) return undefined;
    if (session !== undefined) {
      const bound = this.#claimBound(session, tool, now);
      // A strict call goes to no other worker, and one that fails fast to no busy one.
      if (bound !== undefined || (session.isStrict && session.binding.home !== undefined)) {
        return bound;
      }
      if (session.isStrict) {
        const accepts = (it: Worker): boolean => !this.#isMixed || mayTake(it, tool, this.serving);
        const rested = this.#spreads
          ? leastLoaded(this.#lists, accepts)
          : this.idleWorkers.find(accepts);
        if (rested !== undefined || session.failsFast) return this.#taken(rested);
      }
    }
    if (this.#isMixed) return this.#taken(this.#takerOf(tool, now));
    if (this.queue.size > 0) return undefined;
    const worker = this.#pick(now);
    if (worker !== undefined || this.serving.length > 1) return worker;
    return this.serving.find((only) => this.#takesNext(only, now));
  }

  /** Takes the worker that a session is bound to, if that one has room. */
  #claimBound(
    { binding: { home }, isStrict, failsFast }: SessionCall,
    tool: string,
    now: number,
  ): Worker | undefined {
    const worker = home === undefined || home.hasLeft ? undefined : home.worker;
    if (worker === undefined || !worker.hasRoom(failsFast ? 0 : this.#budgetMs, now)) {
      return undefined;
    }
    // A strict call goes to its worker even if that one does not offer its tool.
    if (!isStrict) {
      if (this.#isMixed && !mayTake(worker, tool, this.serving)) return undefined;
      // Else sessions that began on one worker would share it while others are idle.
      const waits = worker.backlogMs > WAKE_UP_MS && !worker.hasRoom(0, now);
      if (waits && this.idleWorkers.length > 0) return undefined;
    }
    return this.#taken(worker);
  }

  /** Sends a call to a worker that was claimed for it. */
  send(call: Call, worker: Worker, now: number): void {
    const session = SessionCall.of(call);
    if (session !== undefined) this.affinity.sent(call, session, worker);
    worker.run(call, this.expectedMs(call), now);
    this.scaling?.takes();
  }

  /** Queues a call. One that has waited before gets its old place. */
  enqueue(call: Call): void {
    const session = SessionCall.of(call);
    if (session === undefined) this.queue.putBack(call);
    else this.affinity.enqueue(call, session);
    this.scaling?.waits();
  }

  /** Removes a call from the queue; one that is not in it is ignored. */
  withdraw(call: Call): void {
    this.#takeOut(call);
    const session = SessionCall.of(call);
    if (session !== undefined) this.affinity.release(session);
  }

  rejectAll(reasonOf: (call: Call) => unknown): void {
    const next = (): Call | undefined => this.queue.shift() ?? this.affinity.shift();
    for (let call = next(); call; call = next()) call.withdraw(reasonOf(call));
  }

  onAnswered(worker: Worker, { call, runMs, endedAt, wasSkipped }: Attempt): void {
    this.#options.onAnswered(worker);
    if (runMs !== undefined) this.#runTimes.note(call.tool, runMs / (call.items || 1));
    const session = SessionCall.of(call);
    if (session !== undefined) {
      if (!wasSkipped) this.affinity.answered(session, worker, endedAt);
      else if (this.affinity.skipped(call, session)) this.sendQueued(endedAt);
    }
    // No other worker has room, so there is no need to look at them.
    while (this.queued > 0 && worker.hasRoom(this.#budgetMs, endedAt)) {
      if (!this.#sendNext(worker, endedAt)) break;
    }
    const isEnough = this.queue.size >= this.serving.length && !this.#isMixed;
    if (isEnough && this.#takesNext(worker, endedAt)) this.#sendNext(worker, endedAt);
    this.#noteIdle(worker);
    // Calls that have waited for a worker that leaves may go to others.
    if (session !== undefined && worker.state === "stopping") this.sendQueued(endedAt);
  }

  onGivenBack(worker: Worker, call: Call): void {
    this.#noteIdle(worker);
    const session = SessionCall.of(call);
    if (session !== undefined) this.affinity.cameBack(call, session);
    this.requeue(call);
  }

  /**
   * Requeues a call that came back from a worker that did not begin it, or that died. It waits in
   * its old place, unless its caller has left or the pool accepts no waiting calls any more.
   *
   * @param error Its outcome if it leaves the queue unserved.
   */
  requeue(call: Call, error?: SnakedenError): void {
    const { now } = call;
    const session = SessionCall.of(call);
    if (call.requeue(error)) {
      const refusal = this.#options.refusalOf(call) ??
        (session && this.affinity.readmit(call, session));
      if (refusal !== undefined) call.withdraw(refusal);
      else if (call.isLate(now)) call.expire();
      else this.enqueue(call);
    } else if (session !== undefined) this.affinity.release(session);
    this.sendQueued(now);
  }

  /** Carries out the verdict on a call whose worker ended. */
  carryOut({ call, verdict }: Judgement<Call>): void {
    if (verdict.action === "return") this.requeue(call);
    else if (verdict.action === "rerun") this.requeue(call, verdict.error);
    else call.fail(verdict.error);
  }

  /** Sends calls from the queue to workers that have room. */
  sendQueued(now: number): void {
    if (this.#isPaused) return;
    if (this.#isMixed) this.#sendMixed(now);
    else {
      while (this.queue.size > 0) {
        const worker = this.#pick(now);
        if (worker === undefined) break;
        this.#sendNext(worker, now);
      }
    }
    if (this.affinity.waiting > 0) this.#sendBound(now);
  }

  /** Sends the calls that wait for one worker alone to those that have room. */
  #sendBound(now: number): void {
    for (const worker of this.affinity.awaited) {
      while (worker.hasRoom(this.#budgetMs, now) && this.#sendNext(worker, now)) {
        this.#taken(worker);
      }
    }
  }

  /** Returns true if the worker has one short call, and may be sent the one that follows it. */
  #takesNext(worker: Worker, now: number): boolean {
    return this.#budgetMs > 0 && worker.state === "busy" &&
      worker.calls - worker.answered === 1 && worker.hasRoom(NEXT_CALL_MS, now);
  }

  #noteIdle(worker: Worker): void {
    const isIdle = worker.state === "ready" && !worker.isSpent;
    if (isIdle) this.idleWorkers.push(worker);
    else if (!this.#spreads || freePlaces(worker) === 0) return;
    this.room.onIdle?.();
    if (isIdle) this.scaling?.idles();
  }

  /** Sends a worker the next call, if there is one that it may be given. */
  #sendNext(worker: Worker, now: number): boolean {
    const call = this.#nextFor(worker);
    if (call === undefined) return false;
    this.#takeOut(call);
    this.send(call, worker, now);
    return true;
  }

  /** Returns the call that a worker takes next; undefined if it may take none that waits. */
  #nextFor(worker: Worker): Call | undefined {
    if (this.#isPaused) return undefined;
    const common = this.#isMixed
      ? this.queue.find(({ tool }) => mayTake(worker, tool, this.serving))
      : this.queue.first;
    if (this.affinity.waiting === 0) return common;
    const bound = this.affinity.queueOf(worker)?.first;
    if (bound === undefined || common === undefined) return bound ?? common;
    return goesBefore(bound, common) ? bound : common;
  }

  #takeOut(call: Call): void {
    const session = SessionCall.of(call);
    if (session === undefined) this.queue.remove(call);
    else this.affinity.takeOut(call, session);
  }

  /** Sends the calls that wait to workers that offer their tools and have room. */
  #sendMixed(now: number): void {
    while (true) {
      const call = this.queue.find(({ tool }) => this.#takerOf(tool, now) !== undefined);
      const worker = call && this.#taken(this.#takerOf(call.tool, now));
      if (call === undefined || worker === undefined) return;
      this.#takeOut(call);
      this.send(call, worker, now);
    }
  }

  /** Removes a worker from the idle ones, and returns it. */
  #taken(worker: Worker | undefined): Worker | undefined {
    if (worker !== undefined && this.idleWorkers.length > 0) removeWorker(this.idleWorkers, worker);
    return worker;
  }

  /** Returns the worker that would take a call of this tool now, while tools differ. */
  #takerOf(tool: string, now: number): Worker | undefined {
    const accepts = (it: Worker): boolean => mayTake(it, tool, this.serving);
    const idle = this.#spreads
      ? leastLoaded(this.#lists, accepts)
      : this.idleWorkers.findLast(accepts);
    if (idle !== undefined) return idle;
    const [soonest] = this.serving
      .filter((it) => it.state === "busy" && it.hasRoom(this.#budgetMs, now))
      .filter(accepts)
      .sort((a, b) => a.backlogMs - b.backlogMs);
    return soonest;
  }

  /**
   * Returns a worker by the rules of {@link Dispatcher}, or undefined if none has room. An idle
   * worker is removed from the idle ones.
   */
  #pick(now: number): Worker | undefined {
    if (this.#spreads) {
      const free = leastLoaded(this.#lists, () => true);
      if (free !== undefined) return this.#taken(free);
    }
    if (this.#budgetMs === 0) return this.idleWorkers.pop();
    let best: Worker | undefined;
    let leastMs = Infinity;
    for (const worker of this.serving) {
      if (worker.state !== "busy") continue;
      const { backlogMs } = worker;
      if (backlogMs < leastMs && worker.hasRoom(this.#budgetMs, now)) {
        best = worker;
        leastMs = backlogMs;
      }
    }
    return leastMs <= WAKE_UP_MS ? best : this.idleWorkers.pop() ?? best;
  }
}
