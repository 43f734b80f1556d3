import type { Alarm, Alarms } from "../../async/mod.ts";
import { type CallListener, type Link, Value, type WireError } from "../../bridge/mod.ts";
import { DeadlineExceededError, SnakedenError } from "../../errors.ts";
import { callFailure } from "./call_failure.ts";
import type { Queued } from "./call_queue.ts";
import type { Sent } from "./in_flight.ts";

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

/** Where a call is sent. */
export interface CallTarget {
  readonly id: string;
  readonly link: Link;
  /** The call that is believed to run there. */
  readonly call?: Call | undefined;
}

/** The pool, as a call sees it. */
export interface CallOwner {
  readonly deadlines: Alarms;
  /** What the ids of its calls begin with. */
  readonly callPrefix: string;
  /** Time that cancelled work has before its worker is killed. */
  readonly cancelGraceMs: number;
  /** The caller is answered: with an outcome or an error. Called once a call. */
  settled(call: Call, error: unknown): void;
  /** It left while it waited. */
  withdrawn(call: Call): void;
  /**
   * Its slot is free again. Called at most once a call, and not when the worker died.
   *
   * @param runMs Its time in the tool, when that says something about the tool.
   */
  answered(call: Call, now: number, runMs?: number): void;
  /**
   * The target did not start it and never will. It is `queued` again, or was abandoned before and is over; either way its
   * slot is free.
   */
  recalled(call: Call, target: CallTarget): void;
  /** It was told to stop and did not. */
  overran(call: Call): void;
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
 * One execution of a tool, seen from two sides that end at different times: the caller, who is answered once, and the slot
 * of the worker, which is free only when the worker has answered.
 *
 * `queued` -> `running` when the pool sends it, though it may wait behind others in the worker -> `answered` when the
 * worker has answered. `running` -> `queued` when the worker gives it back unstarted, or died and it may run again. `running` -> `abandoned` when the
 * caller left or the deadline passed, and the work still goes on; from there the worker answers or gives it back
 * (`answered`), or is killed (`lost`). `queued` -> `withdrawn` when the caller leaves or the deadline passes.
 */
export type CallState = "queued" | "running" | "abandoned" | "answered" | "withdrawn" | "lost";

/** See {@link CallState}. */
export class Call implements Queued, Sent, CallListener, Alarm, EventListenerObject {
  queueList: object | undefined = undefined;
  queuePrevious: Call | undefined = undefined;
  queueNext: Call | undefined = undefined;
  alarmSlot: Alarm["alarmSlot"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  expectedMs = 0;
  inFlightSince = 0;
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
  #settled = false;
  #hasChunk = false;
  /** The error of the last attempt, when a worker has died under it. */
  #crash: SnakedenError | undefined;
  #sentAt = 0;
  #linkId = 0;
  #target: CallTarget | undefined;

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

  /** The worker it was sent to. */
  get target(): CallTarget | undefined {
    return this.#target;
  }

  /** Its id on the link of its target. */
  get linkId(): number {
    return this.#linkId;
  }

  /** Sends the call. */
  send(target: CallTarget, now = this.#owner.deadlines.now): void {
    const { tool, args, sink, sessionId = "", requestId = "" } = this.#request;
    this.#state = "running";
    this.#target = target;
    this.#sentAt = now;
    this.#linkId = target.link.call({
      tool,
      args,
      // At least a millisecond, since 0 is no deadline.
      timeoutMs: Math.max(1, this.#deadline - now),
      stream: sink !== undefined,
      windowBytes: sink?.windowBytes ?? 0,
      sessionId,
      requestId: requestId === "" ? this.id : requestId,
    }, this);
  }

  /** The reader took chunks of this weight. */
  credit(bytes: number): void {
    if (this.#state === "running") this.#target?.link.credit(this.#linkId, bytes);
  }

  onResult(value: Value, runMs: number): void {
    const { now } = this.#owner.deadlines;
    if (!this.#settled) {
      this.#settle();
      this.#owner.settled(this, undefined);
      this.#resolve({
        value,
        callId: this.id,
        workerId: this.#target?.id ?? "",
        durationMs: now - this.#startedAt,
        queueMs: this.#sentAt - this.#startedAt,
        runMs,
      });
    }
    this.#answer(now, runMs);
  }

  onFailure(error: WireError, runMs: number): void {
    this.fail(callFailure(error, {
      tool: this.tool,
      workerId: this.#target?.id ?? "",
      timeoutMs: this.#request.timeoutMs,
      queueMs: this.#sentAt - this.#startedAt,
      runMs,
    }));
    this.#answer(this.#owner.deadlines.now);
  }

  onRecalled(): void {
    const target = this.#target;
    if (target === undefined) return;
    this.#target = undefined;
    if (this.#state === "abandoned") {
      this.#state = "answered";
      this.#owner.deadlines.clear(this);
    } else this.#state = "queued";
    this.#owner.recalled(this, target);
  }

  /**
   * Its worker is dead, and it waits for another one. When it leaves the queue before it gets one, `error` is its answer, or
   * the error that it left with when there is none.
   */
  restart(error: SnakedenError | undefined): void {
    this.#crash = error;
    this.onRecalled();
  }

  onChunk(value: Value): void {
    this.#hasChunk = true;
    if (!this.#settled) this.#request.sink?.onChunk(value);
  }

  onProgress(value: Value): void {
    if (!this.#settled) this.#request.sink?.onProgress(value);
  }

  /** Answers the caller with an error, unless it has been answered. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#owner.settled(this, error);
    this.#reject(error);
  }

  /** Its worker is dead: nothing will come any more. */
  lose(error: SnakedenError): void {
    this.#state = "lost";
    this.#owner.deadlines.clear(this);
    this.fail(error);
  }

  /** Leaves the queue with an error; with that of its last attempt when it has had one. */
  withdraw(error: unknown): void {
    this.#leave(this.#crash ?? error);
  }

  #leave(error: unknown): void {
    this.#state = "withdrawn";
    this.#owner.withdrawn(this);
    this.fail(error);
  }

  /** Tells the work to stop because its worker has to. */
  interrupt(why: string): void {
    if (this.#state !== "running") return;
    this.#abandon(
      new SnakedenError("shutting_down", `Cannot finish ${this.tool}: ${why}`, {
        retryable: true,
        details: { workerId: this.#target?.id, mayHaveRun: true },
      }),
    );
  }

  onAlarm(): void {
    if (this.#state === "abandoned") this.#owner.overran(this);
    else if (this.#state === "queued") this.expire();
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
    const { id: workerId, call: running = this } = this.#target ?? {};
    this.#abandon(
      running === this
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

  /** The caller is answered now; the work is told to stop and has a while for it. */
  #abandon(error: unknown): void {
    this.#state = "abandoned";
    this.fail(error);
    this.#target?.link.cancel(this.#linkId);
    this.#owner.deadlines.set(this, this.#owner.deadlines.now + this.#owner.cancelGraceMs);
  }

  /** The worker is done with it; the one place where a slot becomes free. */
  #answer(now: number, runMs?: number): void {
    this.#state = "answered";
    this.#owner.deadlines.clear(this);
    this.#owner.answered(this, now, runMs);
  }

  #settle(): void {
    this.#settled = true;
    this.#owner.deadlines.clear(this);
    this.#request.signal?.removeEventListener("abort", this);
  }
}
