import { type Call, CallQueue, RunTimes } from "./calls/mod.ts";
import type { Worker } from "./workers/mod.ts";

/** What it takes to wake a process that sleeps, at the least, and with it perhaps a core. */
const WAKE_UP_MS = 0.05;

/**
 * Which worker gets which call. A call goes to a busy worker that is all but done, since another would have to be woken;
 * else to the worker that became idle last, whose memory is warm and whose core is awake (it answers a single caller in two
 * thirds of the time of one that has slept); else it is sent ahead to the one that
 * will be done soonest, when that is expected to be soon; else it waits in the queue.
 *
 * While calls wait, no worker has room: room comes with a worker, an answer or a call given back, and each of these takes
 * from the queue.
 */
export class Dispatcher {
  readonly #budgetMs: number;
  readonly #queue = new CallQueue<Call>();
  readonly #runTimes = new RunTimes();
  /** Workers that take calls. */
  readonly #serving: Worker[] = [];
  /** Those of them that are ready, the one that became idle last at the end. */
  readonly #idle: Worker[] = [];

  /** @param budgetMs A worker has room while its calls are expected to run no longer than this; 0 sends nothing ahead. */
  constructor(budgetMs: number) {
    this.#budgetMs = budgetMs;
  }

  /** Calls that wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** True while a worker takes calls. */
  get isServing(): boolean {
    return this.#serving.length > 0;
  }

  /** A worker is ready. */
  join(worker: Worker, now: number): void {
    this.#serving.push(worker);
    this.#idle.push(worker);
    this.sendQueued(now);
  }

  /** A worker takes no more calls; one that never did is ignored. */
  leave(worker: Worker): void {
    for (const list of [this.#serving, this.#idle]) {
      const index = list.indexOf(worker);
      if (index >= 0) list.splice(index, 1);
    }
  }

  /** A worker that was spent takes calls again. */
  rejoin(worker: Worker, now: number): void {
    if (
      worker.state === "ready" && this.#serving.includes(worker) && !this.#idle.includes(worker)
    ) {
      this.#idle.push(worker);
    }
    this.sendQueued(now);
  }

  /** Takes a worker for one new call, which has to be sent at once; undefined when the call has to wait. */
  claim(now: number): Worker | undefined {
    return this.#queue.size === 0 ? this.#pick(now) : undefined;
  }

  /** Sends a call to a worker that was claimed for it. */
  send(call: Call, worker: Worker, now: number): void {
    worker.run(call, this.#runTimes.expected(call.tool), now);
  }

  /** A new call waits. */
  enqueue(call: Call): void {
    this.#queue.push(call);
  }

  /** A call waits no longer; one that did not is ignored. */
  withdraw(call: Call): void {
    this.#queue.remove(call);
  }

  /** Takes the call out that is next. */
  shift(): Call | undefined {
    return this.#queue.shift();
  }

  /** A worker has answered a call. `runMs` is what that says about the tool. */
  answered(call: Call, worker: Worker, now: number, runMs?: number): void {
    if (runMs !== undefined) this.#runTimes.note(call.tool, runMs);
    const isReady = worker.release(call, now);
    // No other worker has room, so there is no need to look at them.
    while (this.#queue.size > 0 && worker.hasRoom(this.#budgetMs, now)) {
      this.#sendNext(worker, now);
    }
    if (isReady && worker.state === "ready" && !worker.isSpent) this.#idle.push(worker);
  }

  /** A worker has given a call back unstarted; {@link Dispatcher.sendQueued} has to follow. */
  takeBack(call: Call, worker: Worker, now: number): void {
    if (worker.takeBack(call, now)) this.#idle.push(worker);
  }

  /** A call that came back waits in its old place. */
  putBack(call: Call): void {
    this.#queue.putBack(call);
  }

  /** Sends what waits to workers that have room. */
  sendQueued(now: number): void {
    while (this.#queue.size > 0) {
      const worker = this.#pick(now);
      if (worker === undefined) return;
      this.#sendNext(worker, now);
    }
  }

  #sendNext(worker: Worker, now: number): void {
    const call = this.#queue.shift();
    if (call !== undefined) this.send(call, worker, now);
  }

  /**
   * A busy worker that will be done before an idle one would have woken up; else the one that became idle last, which is
   * taken out; else the busy one with room that will be done soonest.
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
