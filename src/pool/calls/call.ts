import type { Alarm, Alarms } from "../../async/mod.ts";
import type { OutgoingCall, Value, WireError } from "../../bridge/mod.ts";
import { DeadlineExceededError, SnakedenError } from "../../errors.ts";
import { callFailure } from "./call_failure.ts";
import type { Queued } from "./call_queue.ts";

/** What a caller asks for. */
export interface CallRequest {
  readonly tool: string;
  readonly args: Value;
  /** From now until the answer, over queue, link and tool together. */
  readonly timeoutMs: number;
  /** From {@link PRIORITY_RANGE}; higher goes first. */
  readonly priority: number;
  readonly sessionId?: string | undefined;
  /** The id the caller knows the call by; appears in logs of both sides. */
  readonly requestId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may run again when its worker dies under it. Default: what the tool says of itself. */
  readonly idempotent?: boolean | undefined;
  /** Takes the chunks of a stream; without it a generator answers with a list. */
  readonly sink?: ChunkSink | undefined;
}

/** Who takes what a tool sends before its result. */
export interface ChunkSink {
  /** Weight of chunks that may wait unread. */
  readonly windowBytes: number;
  onChunk(value: Value): void;
  onProgress(value: Value): void;
}

/** A call that was answered. */
export interface CallOutcome {
  readonly value: Value;
  readonly callId: string;
  readonly workerId: string;
  /** From the request to the answer. */
  readonly durationMs: number;
  /** Part of it that the call waited for a worker. */
  readonly queueMs: number;
  /** Part of it inside of the tool, by the worker's clock. */
  readonly runMs: number;
}

/** What a call needs of its attempt, which is in a worker. */
export interface AttemptOfCall {
  readonly workerId: string;
  /** When it was sent, on the clock of the owner. */
  readonly sentAt: number;
  /** When the worker answered. */
  readonly endedAt: number;
  /** The time in the tool by the worker's clock; undefined unless it ended with a result. */
  readonly runMs: number | undefined;
  /** False while it waits in the worker behind other calls. */
  readonly hasBegun: boolean;
  /** Grants its stream `bytes` more credit. */
  credit(bytes: number): void;
  /** Tells the work to stop. A worker that does not stop it within `graceMs` is killed. */
  stop(graceMs: number): void;
}

/** The pool, as a call sees it. */
export interface CallOwner {
  readonly deadlines: Alarms;
  /** What the ids of its calls begin with. */
  readonly callPrefix: string;
  /** Time that cancelled work has before its worker is killed. */
  readonly cancelGraceMs: number;
  /** Called when the caller is answered, with an outcome or an error. Called once a call. */
  settled(call: Call, error: unknown): void;
  /** Called when the call left the queue before it was sent. */
  withdrawn(call: Call): void;
}

/** How an owner takes a call in. */
export interface Admission {
  readonly owner: CallOwner;
  /** Its number among the calls of the owner, which rises. */
  readonly sequence: number;
  /** On the clock of the owner. */
  readonly now: number;
}

/** Time past the deadline in which the worker's own report of it may arrive. */
const DEADLINE_GRACE_MS = 100;

/**
 * `queued` -> `running` when it is sent to a worker. `running` -> `queued` when the worker gives it back, or died
 * and the call may run again. Any of them -> `settled` when the caller is answered: by the worker, because it left,
 * because its deadline passed, or because nobody can run it. What the worker still does then is the business of
 * the {@link AttemptOfCall}.
 */
export type CallState = "queued" | "running" | "settled";

/**
 * One call of a tool: the caller's half of it, with its place in the queue, its deadline, its signal and its one
 * outcome.
 */
export class Call implements Queued, Alarm, EventListenerObject {
  queueList: object | undefined = undefined;
  queuePrevious: Call | undefined = undefined;
  queueNext: Call | undefined = undefined;
  alarmSlot: Alarm["alarmSlot"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly id: string;
  readonly sequence: number;
  readonly priority: number;
  readonly outcome: Promise<CallOutcome>;
  readonly #request: CallRequest;
  readonly #owner: CallOwner;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #resolve: (outcome: CallOutcome) => void;
  readonly #reject: (error: unknown) => void;
  #state: CallState = "queued";
  #hasChunk = false;
  /** The error of the last attempt, when a worker has died under it. */
  #crash: SnakedenError | undefined;
  #attempt: AttemptOfCall | undefined;

  constructor(request: CallRequest, { owner, sequence, now }: Admission) {
    this.id = owner.callPrefix + sequence.toString(36);
    this.sequence = sequence;
    this.priority = request.priority;
    this.#request = request;
    this.#owner = owner;
    this.#startedAt = now;
    this.#deadline = this.#startedAt + request.timeoutMs;
    const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    owner.deadlines.set(this, this.#deadline);
    request.signal?.addEventListener("abort", this, { once: true });
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

  /** Whether it may run twice, where its caller has said so. */
  get idempotent(): boolean | undefined {
    return this.#request.idempotent;
  }

  /** True when a chunk of it has come, so that it must not begin anew. */
  get hasChunk(): boolean {
    return this.#hasChunk;
  }

  /** What the clock of its owner shows. */
  get now(): number {
    return this.#owner.deadlines.now;
  }

  /** Its last attempt, which may go on after the caller was answered; undefined while it waits for a worker. */
  get attempt(): AttemptOfCall | undefined {
    return this.#attempt;
  }

  /** Returns what a worker is sent at the time `now`. */
  message(now: number): OutgoingCall {
    const { tool, args, sink, sessionId = "", requestId = "" } = this.#request;
    return {
      tool,
      args,
      // At least a millisecond, since 0 is no deadline.
      timeoutMs: Math.max(1, this.#deadline - now),
      stream: sink !== undefined,
      windowBytes: sink?.windowBytes ?? 0,
      sessionId,
      requestId: requestId === "" ? this.id : requestId,
    };
  }

  /** Notes that an attempt is sent. */
  sent(attempt: AttemptOfCall): void {
    this.#state = "running";
    this.#attempt = attempt;
  }

  /** Grants its stream `bytes` more credit: the reader took chunks of this weight. */
  credit(bytes: number): void {
    if (this.#state === "running") this.#attempt?.credit(bytes);
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
    const { workerId = "", sentAt = 0 } = this.#attempt ?? {};
    this.fail(callFailure(error, {
      tool: this.tool,
      workerId,
      timeoutMs: this.#request.timeoutMs,
      queueMs: sentAt - this.#startedAt,
      runMs,
    }));
  }

  /**
   * Makes it wait for another worker: it was given back, or its worker died. When it leaves the queue before it gets
   * one, it fails with `error`, or with the reason it left when `error` is undefined.
   *
   * @returns False when nobody waits for it any more.
   */
  requeue(error?: SnakedenError): boolean {
    if (this.#state !== "running") return false;
    this.#state = "queued";
    this.#attempt = undefined;
    this.#crash = error ?? this.#crash;
    return true;
  }

  onChunk(value: Value): void {
    this.#hasChunk = true;
    if (this.#state !== "settled") this.#request.sink?.onChunk(value);
  }

  onProgress(value: Value): void {
    if (this.#state !== "settled") this.#request.sink?.onProgress(value);
  }

  /** Answers the caller with an error, unless it has been answered. */
  fail(error: unknown): void {
    if (this.#state === "settled") return;
    this.#settle(error);
    this.#reject(error);
  }

  /** Leaves the queue with an error; with that of its last attempt when it has had one. */
  withdraw(error: unknown): void {
    this.#leave(this.#crash ?? error);
  }

  #leave(error: unknown): void {
    this.#owner.withdrawn(this);
    this.fail(error);
  }

  /** Tells the work to stop because its worker has to. */
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

  /** Its signal has aborted. */
  handleEvent(): void {
    const reason: unknown = this.#request.signal?.reason;
    if (this.#state === "queued") this.#leave(reason);
    else if (this.#state === "running") this.#abandon(reason);
  }

  /** True when its deadline has passed. */
  isLate(now: number): boolean {
    return now >= this.#deadline;
  }

  /** Leaves the queue because its deadline has passed. */
  expire(): void {
    const { timeoutMs } = this.#request;
    this.withdraw(
      new DeadlineExceededError(
        `Cannot run ${this.tool}: no worker was free within its deadline of ${timeoutMs} ms`,
        "queue",
        { timeoutMs },
      ),
    );
  }

  /** Its deadline has passed in the worker, which has a while to report it. */
  #overrun(): void {
    const { deadlines } = this.#owner;
    const reportedBy = this.#deadline + DEADLINE_GRACE_MS;
    // The alarm is set for the deadline alone: few calls reach it, and all calls would pay for a second one.
    if (deadlines.now < reportedBy) return deadlines.set(this, reportedBy);
    const { timeoutMs } = this.#request;
    const { workerId, hasBegun = true } = this.#attempt ?? {};
    this.#abandon(
      hasBegun
        ? new DeadlineExceededError(
          `Cannot finish ${this.tool}: its deadline of ${timeoutMs} ms passed and it did not stop`,
          "tool",
          { timeoutMs, workerId },
        )
        : new DeadlineExceededError(
          `Cannot run ${this.tool}: its deadline of ${timeoutMs} ms passed while it waited in ` +
            `${workerId} behind a call that did not end`,
          "queue",
          { timeoutMs, workerId },
        ),
    );
  }

  /** Answers the caller now; the work is told to stop and has a while for it. */
  #abandon(error: unknown): void {
    this.fail(error);
    this.#attempt?.stop(this.#owner.cancelGraceMs);
  }

  #settle(error: unknown): void {
    this.#state = "settled";
    this.#owner.deadlines.clear(this);
    this.#request.signal?.removeEventListener("abort", this);
    this.#owner.settled(this, error);
  }
}
