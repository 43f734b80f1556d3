import type { SnakedenError } from "../errors.ts";
import { type Attempt, type Call, CallQueue, RunTimes } from "./calls/mod.ts";
import type { CallSource, Worker } from "./workers/mod.ts";

/** Options of a dispatcher. */
export interface DispatcherOptions {
  /**
   * A worker has room while its calls are expected to run no longer than this; 0 sends nothing
   * ahead.
   */
  readonly budgetMs: number;
  /** Called when a worker has answered a call, which proves that it works. */
  readonly onAnswered: (worker: Worker) => void;
  /**
   * Returns why a call that came back may not wait for another worker, or undefined when it may.
   */
  readonly refusalOf: (call: Call) => SnakedenError | undefined;
}

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
 * While calls wait, no worker has room: a worker that joins, answers or gives a call back is sent
 * calls from the queue at once.
 *
 * A worker whose only call is short, but longer than the budget, is sent the next call too. So it
 * does not wait for a round trip between the two. Each other worker must find a call in the queue
 * when it is done, so that none is idle while this call waits.
 *
 * While the code of the workers is being replaced, they may offer different tools. A call then goes
 * to a worker that offers its tool, and may overtake calls that no worker with room can take. A
 * call of a tool that no worker offers goes to any worker, which refuses it.
 */
export class Dispatcher implements CallSource<Worker> {
  readonly #options: DispatcherOptions;
  readonly #budgetMs: number;
  readonly #queue = new CallQueue<Call>();
  readonly #runTimes = new RunTimes();
  /** Workers that take calls. */
  readonly #serving: Worker[] = [];
  /** The workers in `#serving` that are ready, the one that became idle last at the end. */
  readonly #idle: Worker[] = [];
  /** True while the workers that take calls offer different tools. */
  #isMixed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#budgetMs = options.budgetMs;
  }

  /** The number of calls that wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** True while a worker takes calls. */
  get isServing(): boolean {
    return this.#serving.length > 0;
  }

  /** Adds a worker that is ready. */
  join(worker: Worker, now: number): void {
    worker.serve(this);
    this.#serving.push(worker);
    this.#idle.push(worker);
    this.#compareTools();
    this.sendQueued(now);
  }

  /** Removes a worker that takes no more calls; one that never joined is ignored. */
  leave(worker: Worker, now: number): void {
    for (const list of [this.#serving, this.#idle]) {
      const index = list.indexOf(worker);
      if (index >= 0) list.splice(index, 1);
    }
    if (!this.#isMixed) return;
    this.#compareTools();
    // Calls may have waited for this worker alone.
    this.sendQueued(now);
  }

  /** Lets a worker that was spent take calls again. */
  rejoin(worker: Worker, now: number): void {
    if (
      worker.state === "ready" && this.#serving.includes(worker) && !this.#idle.includes(worker)
    ) {
      this.#idle.push(worker);
    }
    this.sendQueued(now);
  }

  /**
   * Takes a worker for one new call of `tool`, which must be sent at once; returns undefined if the
   * call must wait.
   */
  claim(tool: string, now: number): Worker | undefined {
    if (this.#isMixed) return this.#pickFor(tool, now);
    if (this.#queue.size > 0) return undefined;
    const worker = this.#pick(now);
    if (worker !== undefined || this.#serving.length > 1) return worker;
    return this.#serving.find((only) => this.#takesNext(only, now));
  }

  /** Sends a call to a worker that was claimed for it. */
  send(call: Call, worker: Worker, now: number): void {
    worker.run(call, this.#runTimes.expected(call.tool), now);
  }

  /** Queues a new call. */
  enqueue(call: Call): void {
    this.#queue.push(call);
  }

  /** Removes a call from the queue; one that is not in it is ignored. */
  withdraw(call: Call): void {
    this.#queue.remove(call);
  }

  /** Removes the next call from the queue, and returns it. */
  shift(): Call | undefined {
    return this.#queue.shift();
  }

  onAnswered(worker: Worker, { call, runMs, endedAt }: Attempt): void {
    this.#options.onAnswered(worker);
    if (runMs !== undefined) this.#runTimes.note(call.tool, runMs);
    // No other worker has room, so there is no need to look at them.
    while (this.#queue.size > 0 && worker.hasRoom(this.#budgetMs, endedAt)) {
      if (!this.#sendNext(worker, endedAt)) break;
    }
    const isEnough = this.#queue.size >= this.#serving.length && !this.#isMixed;
    if (isEnough && this.#takesNext(worker, endedAt)) this.#sendNext(worker, endedAt);
    this.#noteIdle(worker);
  }

  onGivenBack(worker: Worker, call: Call): void {
    this.#noteIdle(worker);
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
    if (call.requeue(error)) {
      const refusal = this.#options.refusalOf(call);
      if (refusal !== undefined) call.withdraw(refusal);
      else if (call.isLate(now)) call.expire();
      else this.#queue.putBack(call);
    }
    this.sendQueued(now);
  }

  /** Sends calls from the queue to workers that have room. */
  sendQueued(now: number): void {
    if (this.#isMixed) return this.#sendMixed(now);
    while (this.#queue.size > 0) {
      const worker = this.#pick(now);
      if (worker === undefined) return;
      this.#sendNext(worker, now);
    }
  }

  /** Returns true if the worker has one short call, and may be sent the one that follows it. */
  #takesNext(worker: Worker, now: number): boolean {
    return this.#budgetMs > 0 && worker.state === "busy" &&
      worker.calls - worker.answered === 1 && worker.hasRoom(NEXT_CALL_MS, now);
  }

  #noteIdle(worker: Worker): void {
    if (worker.state === "ready" && !worker.isSpent) this.#idle.push(worker);
  }

  /** Sends a worker the next call, if there is one that it may be given. */
  #sendNext(worker: Worker, now: number): boolean {
    const call = this.#isMixed
      ? this.#queue.shiftFirst(({ tool }) => this.#mayTake(worker, tool))
      : this.#queue.shift();
    if (call !== undefined) this.send(call, worker, now);
    return call !== undefined;
  }

  #compareTools(): void {
    const [first, ...others] = this.#serving;
    this.#isMixed = first !== undefined &&
      !others.every(({ toolNames }) => toolNames.equals(first.toolNames));
  }

  /** Returns true if a worker offers the tool, or if none does. */
  #mayTake(worker: Worker, tool: string): boolean {
    return worker.toolNames.has(tool) || !this.#serving.some((it) => it.toolNames.has(tool));
  }

  /** Sends the calls that wait to workers that offer their tools and have room. */
  #sendMixed(now: number): void {
    while (true) {
      const call = this.#queue.shiftFirst(({ tool }) => this.#takerOf(tool, now) !== undefined);
      const worker = call && this.#pickFor(call.tool, now);
      if (call === undefined || worker === undefined) return;
      this.send(call, worker, now);
    }
  }

  /** Does what {@link Dispatcher.claim} does, among the workers that may be given this tool. */
  #pickFor(tool: string, now: number): Worker | undefined {
    const worker = this.#takerOf(tool, now);
    const index = worker === undefined ? -1 : this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
    return worker;
  }

  /** Returns the worker that would take a call of this tool now. */
  #takerOf(tool: string, now: number): Worker | undefined {
    const idle = this.#idle.findLast((it) => this.#mayTake(it, tool));
    if (idle !== undefined) return idle;
    const [soonest] = this.#serving
      .filter((it) => it.state === "busy" && it.hasRoom(this.#budgetMs, now))
      .filter((it) => this.#mayTake(it, tool))
      .sort((a, b) => a.backlogMs - b.backlogMs);
    return soonest;
  }

  /**
   * Returns a worker by the rules of {@link Dispatcher}, or undefined if none has room. An idle
   * worker is removed from the idle ones.
   */
  #pick(now: number): Worker | undefined {
    if (this.#budgetMs === 0) return this.#idle.pop();
    let best: Worker | undefined;
    let leastMs = Infinity;
    for (const worker of this.#serving) {
      if (worker.state !== "busy") continue;
      const { backlogMs } = worker;
      if (backlogMs < leastMs && worker.hasRoom(this.#budgetMs, now)) {
        best = worker;
        leastMs = backlogMs;
      }
    }
    return leastMs <= WAKE_UP_MS ? best : this.#idle.pop() ?? best;
  }
}
