import type { Alarm, Alarms } from "../../async/mod.ts";
import type { Ask, OutgoingCall, Value, WireError } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { AskingRequest } from "./asking_request.ts";
import { callFailure } from "./call_failure.ts";
import { ARRAY_FORMS, type CallOutcome, type CallRequest } from "./call_request.ts";
import type { Queued } from "./call_queue.ts";
import type { AskingWorker, AttemptOfCall, CallSession } from "./call_surroundings.ts";
import type { HostServices } from "./host_methods.ts";
import { DEADLINE_GRACE_MS, expiredInQueue, overran, stalled, StallWatch } from "./times/mod.ts";

/** The pool, as a call sees it. */
export interface CallOwner {
  readonly name: string;
  readonly deadlines: Alarms;
  /** Answers what tools ask the host for. */
  readonly services: HostServices;
  /** The prefix of the ids of its calls. */
  readonly callPrefix: string;
  /** The time that cancelled work has to stop before its worker is killed. */
  readonly cancelGraceMs: number;
  /** The cure for a missing module, for the text of an error. */
  readonly moduleCure?: string | undefined;
  /** The reason why it sends no calls, for the text of an error; undefined if it sends some. */
  readonly obstacle?: string | undefined;
  /** Called once for each call, when its caller is answered with an outcome or an error. */
  settled(call: Call, error: unknown): void;
  /** Called when the call left the queue before it was sent. */
  withdrawn(call: Call): void;
}

/** The number and the time that an owner gives a new call. */
export interface Admission {
  readonly owner: CallOwner;
  /** The number of the call among those of its owner. Numbers rise. */
  readonly sequence: number;
  /** The time on the clock of the owner. */
  readonly now: number;
  /** Undefined if the call keeps to no worker. */
  readonly session?: CallSession | undefined;
}

/**
 * The state of a call.
 *
 * `queued` -> `running` when the call is sent to a worker; `running` -> `queued` when the worker
 * gives it back, or dies and the call may run again; `queued` or `running` -> `settled` when the
 * caller gets an outcome: the worker answered, the caller left, the deadline passed, or no worker
 * can run the call. The {@link AttemptOfCall} tracks what the worker does after that.
 */
export type CallState = "queued" | "running" | "settled";

/**
 * One call of a tool: the caller's half of it, with its place in the queue, its deadline, its
 * signal and its one outcome.
 */
export class Call implements Queued, Alarm, EventListenerObject {
  queueList: object | undefined = undefined;
  queuePrevious: Call | undefined = undefined;
  queueNext: Call | undefined = undefined;
  alarmBucket: Alarm["alarmBucket"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly id: string;
  readonly sequence: number;
  readonly priority: number;
  readonly outcome: Promise<CallOutcome>;
  readonly session: CallSession | undefined;
  readonly #request: CallRequest;
  readonly #owner: CallOwner;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #resolve: (outcome: CallOutcome) => void;
  readonly #reject: (error: unknown) => void;
  #state: CallState = "queued";
  /** The number of chunks that have arrived. */
  #chunks = 0;
  /** The error of the last attempt whose worker died. */
  #crash: SnakedenError | undefined;
  #attempt: AttemptOfCall | undefined;
  /** Undefined if the silence of the call has no limit. */
  readonly #stall: StallWatch | undefined;

  constructor(request: CallRequest, { owner, sequence, now, session }: Admission) {
    this.sequence = sequence;
    this.session = session;
    // The worker makes the same id of the prefix and the number, which has 32 bits on the link.
    this.id = owner.callPrefix + this.number.toString(36);
    this.priority = request.priority;
    this.#request = request;
    this.#owner = owner;
    this.#startedAt = now;
    // The items of a bulk call have deadlines, from their starts.
    this.#deadline = request.bulk === undefined ? now + request.timeoutMs : Infinity;
    const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    request.inputs?.hold();
    if (request.bulk === undefined) owner.deadlines.set(this, this.#deadline);
    request.signal?.addEventListener("abort", this, { once: true });
    this.#stall = request.stallTimeoutMs ? this.#stallWatch(request.stallTimeoutMs) : undefined;
  }

  get state(): CallState {
    return this.#state;
  }

  get tool(): string {
    return this.#request.tool;
  }

  get args(): Value {
    return this.#request.args;
  }

  get output(): CallRequest["output"] {
    return this.#request.output;
  }

  /** Its number on the link and in the log of the worker. */
  get number(): number {
    return this.sequence >>> 0;
  }

  /** The time on the clock of its owner at which it was made. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** The number of its items, each of which runs the tool once; undefined if it is no bulk call. */
  get items(): number | undefined {
    return this.#request.bulk?.length;
  }

  /** True if the call may run twice, false if not; undefined if the caller has not said. */
  get idempotent(): boolean | undefined {
    return this.#request.idempotent;
  }

  /** True if no worker but that of its session, or of its tool, may run the call. */
  get isBound(): boolean {
    return this.session?.isStrict ?? false;
  }

  /**
   * True once a chunk has arrived, or an item of an input stream was taken; the call must not run
   * again then.
   */
  get hasFlowed(): boolean {
    return this.#chunks > 0 || (this.#request.inputs?.isRead ?? false);
  }

  /** The current time on the clock of its owner. */
  get now(): number {
    return this.#owner.deadlines.now;
  }

  /**
   * Its last attempt, which may go on after the caller was answered; undefined while it waits for a
   * worker.
   */
  get attempt(): AttemptOfCall | undefined {
    return this.#attempt;
  }

  /** Returns the message for a worker that is sent the call at the time `now`. */
  message(now: number): OutgoingCall {
    const { tool, args, sink, sessionId = "", requestId = "", arrays, bulk, output } =
      this.#request;
    return {
      tool,
      args,
      // At least a millisecond, since 0 is no deadline.
      timeoutMs: bulk === undefined ? Math.max(1, this.#deadline - now) : this.#request.timeoutMs,
      stream: sink !== undefined && bulk === undefined,
      windowBytes: sink?.windowBytes ?? 0,
      sessionId,
      requestId: requestId === "" ? this.id : requestId,
      number: this.number,
      arrays: arrays === undefined ? 0 : ARRAY_FORMS[arrays],
      keepsOutput: output !== undefined,
      bulk,
    };
  }

  /** Notes that an attempt is sent. */
  sent(attempt: AttemptOfCall): void {
    this.#state = "running";
    this.#attempt = attempt;
    this.#stall?.begin();
    this.#request.onSent?.(attempt);
  }

  /** Grants its stream `bytes` more credit: the reader took chunks of this weight. */
  credit(bytes: number): void {
    if (this.#state !== "running") return;
    this.#stall?.credit(bytes);
    this.#attempt?.credit(bytes);
  }

  /** Answers the caller with a result, unless it has been answered. */
  complete(value: Value, { workerId, sentAt, endedAt, runMs = 0 }: AttemptOfCall): void {
    if (this.#state === "settled") return;
    this.#settle(undefined);
    this.#resolve({
      value,
      callId: this.id,
      workerId,
      durationMs: endedAt - this.#startedAt,
      queueMs: sentAt - this.#startedAt,
      runMs,
    });
  }

  /** Answers the caller with what the worker reported, unless it has been answered. */
  refuse(error: WireError, runMs: number): void {
    // The caller gets the same error that the source of its stream has thrown.
    const input = error.code === "input_failed"
      ? this.#request.inputs?.failureAt(error.issues[0]?.path ?? "")
      : undefined;
    if (input !== undefined) {
      return this.#failAs(new SnakedenError("input_failed", error.message), input.error);
    }
    const { workerId = "", sentAt = 0 } = this.#attempt ?? {};
    this.fail(callFailure(error, {
      tool: this.tool,
      workerId,
      timeoutMs: this.#request.timeoutMs,
      queueMs: sentAt - this.#startedAt,
      runMs,
      moduleCure: this.#owner.moduleCure,
    }));
  }

  /**
   * Requeues the call, which was given back or whose worker died. If it leaves the queue unserved,
   * it fails with `error`, or with the reason it left if `error` is undefined.
   *
   * @returns False if nobody waits for the call any more.
   */
  requeue(error?: SnakedenError): boolean {
    if (this.#state !== "running") return false;
    this.#state = "queued";
    this.#stall?.end();
    this.#attempt = undefined;
    this.#crash = error ?? this.#crash;
    return true;
  }

  onChunk(value: Value): void {
    // The items of a bulk call that end before the worker stops it have ended all the same.
    if (this.#state === "settled" && this.items === undefined) return;
    this.#chunks++;
    this.#stall?.chunk(value.weight);
    this.#request.sink?.onChunk(value);
  }

  onProgress(value: Value): void {
    if (this.#state === "settled") return;
    this.#stall?.progress();
    // A worker that gathers the chunks of a call reports nothing, as a sign that chunks come.
    if (value.text === "null") return;
    this.#request.sink?.onProgress(value);
    this.#request.onProgress?.(value);
  }

  /** Answers what its tool asks the host for. */
  answer(ask: Ask, worker: AskingWorker): Value | Promise<Value> {
    const stall = this.#stall;
    return stall === undefined
      ? this.#answer(ask, worker)
      : stall.ask(() => this.#answer(ask, worker));
  }

  #answer(ask: Ask, worker: AskingWorker): Value | Promise<Value> {
    const request = this.#request;
    const item = request.inputs?.answer(ask.method, ask.args);
    if (item !== undefined) return item;
    const { name: pool, services } = this.#owner;
    const remainingMs = Math.min(request.timeoutMs, Math.max(0, this.#deadline - this.now));
    const facts = { callId: this.id, pool, worker, remainingMs };
    return services.answer(new AskingRequest(request, ask, facts), ask.method, ask.args);
  }

  /** Answers the caller with an error, unless it has been answered. */
  fail(error: unknown): void {
    this.#failAs(error, error);
  }

  /** Answers the caller with `error`, and counts the call by `counted`. */
  #failAs(counted: unknown, error: unknown): void {
    if (this.#state === "settled") return;
    if (
      this.#request.sink !== undefined && this.items === undefined &&
      error !== this.#request.signal?.reason
    ) {
      if (error instanceof SnakedenError) error.addDetails({ chunks: this.#chunks });
    }
    this.#settle(counted);
    this.#reject(error);
  }

  /**
   * Leaves the queue with the error of its last attempt that failed, or with `error` if none has.
   */
  withdraw(error: unknown): void {
    this.#leave(this.#crash ?? error);
  }

  #leave(error: unknown): void {
    this.#owner.withdrawn(this);
    this.fail(error);
  }

  /** Fails the call because its worker has to stop, and tells the worker to stop running it. */
  interrupt(why: string): void {
    if (this.#state !== "running") return;
    this.#abandon(
      new SnakedenError("shutting_down", `Cannot finish ${this.tool}: ${why}`, {
        retryable: true,
        details: { workerId: this.#attempt?.workerId, mayHaveRun: true },
      }),
    );
  }

  onAlarm(): void {
    if (this.#state === "queued") this.expire();
    else this.#overrun();
  }

  /** Called when its signal has aborted. */
  handleEvent(): void {
    const reason: unknown = this.#request.signal?.reason;
    if (this.#state === "queued") this.#leave(reason);
    else if (this.#state === "running") this.#abandon(reason);
  }

  /** Returns true if its deadline has passed. */
  isLate(now: number): boolean {
    return now >= this.#deadline;
  }

  /** Leaves the queue because its deadline has passed. */
  expire(): void {
    const { tool, session } = this;
    const boundTo = session?.isStrict ? session.workerText : undefined;
    const { obstacle } = this.#owner;
    const { timeoutMs } = this.#request;
    this.withdraw(expiredInQueue({ tool, boundTo, timeoutMs, obstacle }));
  }

  /** Fails the call if the worker has not reported the passed deadline in time. */
  #overrun(): void {
    const { deadlines } = this.#owner;
    const reportedBy = this.#deadline + DEADLINE_GRACE_MS;
    // One alarm serves both times: few calls reach their deadline, and all calls would pay for a
    // second alarm.
    if (deadlines.now < reportedBy) return deadlines.set(this, reportedBy);
    const { tool, timeoutMs } = this.#request;
    const { workerId, hasBegun = true } = this.#attempt ?? {};
    this.#abandon(overran({ tool, timeoutMs, workerId, hasBegun }));
  }

  /** Answers the caller now, and tells the worker to stop the call within the grace period. */
  #abandon(error: unknown): void {
    this.fail(error);
    this.#attempt?.stop(this.#owner.cancelGraceMs);
  }

  /** Apart from the constructor, which closures would make slower for all calls. */
  #stallWatch(stallTimeoutMs: number): StallWatch {
    const { tool, sink } = this.#request;
    return new StallWatch({
      alarms: this.#owner.deadlines,
      limitMs: stallTimeoutMs,
      windowBytes: sink?.windowBytes ?? Infinity,
      hasBegun: () => this.#attempt?.hasBegun ?? false,
      onStall: (lastSign, silentMs) => {
        const workerId = this.#attempt?.workerId;
        this.#abandon(stalled({ tool, stallTimeoutMs, workerId, lastSign, silentMs }));
      },
    });
  }

  #settle(error: unknown): void {
    this.#state = "settled";
    this.#owner.deadlines.clear(this);
    this.#stall?.end();
    this.#request.signal?.removeEventListener("abort", this);
    this.#request.inputs?.release();
    this.#owner.settled(this, error);
  }
}
