import type { Alarm, Alarms } from "../../async/mod.ts";
import type { CallListener, Link, Value, WireError } from "../../bridge/mod.ts";
import type { AttemptOfCall, Call } from "./call.ts";
import type { Listed } from "./call_list.ts";

/** The worker, as its attempts see it. */
export interface AttemptHost {
  readonly id: string;
  readonly link: Link;
  /** Where attempts that were told to stop are looked after. */
  readonly alarms: Alarms;
  /** Returns true when the worker is believed to run this attempt, and not to keep it waiting behind another. */
  hasBegun(attempt: Attempt): boolean;
  /** Called when the worker is done with an attempt: it has answered. Called at most once an attempt. */
  onAnswered(attempt: Attempt): void;
  /** Called when the worker gave an attempt back: it was not begun and never will be there. */
  onGivenBack(attempt: Attempt): void;
  /** Called when an attempt was told to stop and has not, `graceMs` later. */
  onOverdue(attempt: Attempt, graceMs: number): void;
}

/**
 * `running` from when it was sent, though it may wait behind others in the worker -> `ended` when the worker has
 * answered it, gave it back, or died. `running` -> `stopping` when it was told to stop -> `ended` in the same
 * ways; a worker that does not let it end in time is killed.
 */
export type AttemptState = "running" | "stopping" | "ended";

/**
 * One execution of a call in one worker: the worker's half of it. It hears what the worker says on the link,
 * passes it to the {@link Call}, and tells the worker when its room is free again, which may be long after the
 * caller has been answered. A call that is given back, or whose worker dies, may have several attempts, one after
 * the other.
 */
export class Attempt implements AttemptOfCall, Listed, CallListener, Alarm {
  queueList: object | undefined = undefined;
  queuePrevious: Attempt | undefined = undefined;
  queueNext: Attempt | undefined = undefined;
  alarmSlot: Alarm["alarmSlot"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  expectedMs = 0;
  inFlightSince = 0;
  readonly call: Call;
  readonly sentAt: number;
  /** When the worker answered, or gave it back. */
  endedAt = 0;
  /** The time in the tool by the worker's clock, when the call ended with a result; failures say little about it. */
  runMs: number | undefined = undefined;
  readonly #host: AttemptHost;
  #linkId = 0;
  #state: AttemptState = "running";
  #graceMs = 0;

  constructor(call: Call, host: AttemptHost, now: number) {
    this.call = call;
    this.#host = host;
    this.sentAt = now;
  }

  get state(): AttemptState {
    return this.#state;
  }

  /** Its number on the link of its worker. */
  get linkId(): number {
    return this.#linkId;
  }

  get workerId(): string {
    return this.#host.id;
  }

  get hasBegun(): boolean {
    return this.#host.hasBegun(this);
  }

  /** Sends the call to the worker. */
  send(): void {
    const { call } = this;
    call.sent(this);
    this.#linkId = this.#host.link.call(call.message(this.sentAt), this);
  }

  credit(bytes: number): void {
    this.#host.link.credit(this.#linkId, bytes);
  }

  stop(graceMs: number): void {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    this.#graceMs = graceMs;
    const { alarms, link } = this.#host;
    link.cancel(this.#linkId);
    alarms.set(this, alarms.now + graceMs);
  }

  /** Ends it without an answer: its worker is dead. */
  end(): void {
    if (this.#state === "stopping") this.#host.alarms.clear(this);
    this.#state = "ended";
  }

  onResult(value: Value, runMs: number): void {
    this.endedAt = this.#host.alarms.now;
    this.runMs = runMs;
    this.call.complete(value, this);
    this.end();
    this.#host.onAnswered(this);
  }

  onFailure(error: WireError, runMs: number): void {
    this.endedAt = this.#host.alarms.now;
    this.call.refuse(error, runMs);
    this.end();
    this.#host.onAnswered(this);
  }

  onRecalled(): void {
    this.endedAt = this.#host.alarms.now;
    this.end();
    this.#host.onGivenBack(this);
  }

  onChunk(value: Value): void {
    this.call.onChunk(value);
  }

  onProgress(value: Value): void {
    this.call.onProgress(value);
  }

  onAlarm(): void {
    this.#host.onOverdue(this, this.#graceMs);
  }
}
