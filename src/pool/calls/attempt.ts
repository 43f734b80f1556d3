import { type Alarms, LoneAlarm } from "../../async/mod.ts";
import type { Ask, CallListener, Link, Value, WireError } from "../../bridge/mod.ts";
import type { BulkNote } from "./bulk_note.ts";
import type { Call } from "./call.ts";
import { bitOf, OutputEnd, type OutputPipe } from "./output_sink.ts";
import type { AttemptOfCall } from "./call_surroundings.ts";
import type { Listed } from "./call_list.ts";

/** The worker, as its attempts see it. */
export interface AttemptHost {
  readonly id: string;
  readonly incarnation: string;
  readonly link: Link;
  /** The alarms of attempts that were asked to stop. */
  readonly alarms: Alarms;
  /**
   * Returns true if the worker is believed to be running this attempt rather than keeping it
   * waiting behind another one.
   */
  hasBegun(attempt: Attempt): boolean;
  /** Returns the worker's record of the bulk call of an attempt, if it has one. */
  bulkNoteOf(attempt: Attempt): BulkNote | undefined;
  /** Called when the worker has answered an attempt, at most once for each. */
  onAnswered(attempt: Attempt): void;
  /** Called when an attempt whose output is kept ends, and has written. */
  onPrinted(attempt: Attempt): void;
  /** Called when the worker gave an attempt back: it has not begun it, and never will. */
  onGivenBack(attempt: Attempt): void;
  /** Called when an attempt still runs `graceMs` after it was asked to stop. */
  onOverdue(attempt: Attempt, graceMs: number): void;
}

/**
 * An attempt is `running` once it is sent, even while it waits behind others in the worker.
 * `running` -> `ended` when the worker answers it, gives it back, or dies. `running` -> `stopping`
 * when the attempt is asked to stop; `stopping` -> `ended` in the same three ways. A worker that
 * does not end the attempt in time is killed.
 */
export type AttemptState = "running" | "stopping" | "ended";

/**
 * One execution of a call in one worker: the worker's half of it. It receives the worker's messages
 * on the link and passes them to the {@link Call}. It notifies the worker when its room is free
 * again, which may be long after the caller has been answered. A call that is given back, or whose
 * worker dies, may have several attempts, one after another.
 */
export class Attempt implements AttemptOfCall, Listed, CallListener {
  queueList: object | undefined = undefined;
  queuePrevious: Attempt | undefined = undefined;
  queueNext: Attempt | undefined = undefined;
  expectedMs = 0;
  inFlightSince = 0;
  readonly call: Call;
  readonly sentAt: number;
  /** The time at which the worker answered or gave the call back. */
  endedAt = 0;
  /**
   * The time spent in the tool, by the worker's clock; undefined unless the call ended with a
   * result, since failures say little about run times.
   */
  runMs: number | undefined = undefined;
  /**
   * True if the worker has answered without running it, since it was cancelled or late, or has
   * given it back.
   */
  wasSkipped = false;
  onOver: (() => void) | undefined = undefined;
  readonly #host: AttemptHost;
  #linkId = 0;
  #note: BulkNote | undefined = undefined;
  #state: AttemptState = "running";
  /** Rings if the attempt does not stop in time. */
  #overdue: LoneAlarm | undefined;
  /** The pipes in which its output has ended. */
  #endedPipes = 0;
  #outputEnd: OutputEnd | undefined;

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

  get isOver(): boolean {
    return this.#state === "ended";
  }

  get bulkNote(): BulkNote | undefined {
    return this.#note ?? this.#host.bulkNoteOf(this);
  }

  get outputRead(): Promise<void> | undefined {
    return this.#outputEnd?.read;
  }

  /** True once its output has been read from all pipes in which it was marked. */
  get isOutputRead(): boolean {
    return this.#outputEnd?.isRead ?? false;
  }

  /** Notes that its output has ended in a pipe. */
  outputEnded(pipe: OutputPipe): void {
    this.#endedPipes |= bitOf(pipe);
    this.#outputEnd?.ended(pipe);
  }

  /** Waits for its output no longer. */
  giveUpOutput(): void {
    this.#outputEnd?.giveUp();
  }

  /** Sends the call to the worker. */
  send(): void {
    const { call } = this;
    // Kept for as long as the tool may read them, which may be longer than the caller waits.
    call.args.files?.hold();
    call.sent(this);
    this.#linkId = this.#host.link.call(call.message(this.sentAt), this);
  }

  credit(bytes: number): void {
    this.#host.link.credit(this.#linkId, bytes);
  }

  stop(graceMs: number): void {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    this.#overdue = new LoneAlarm(() => this.#host.onOverdue(this, graceMs));
    this.#host.link.cancel(this.#linkId);
    this.lookAt(this.#host.alarms.now + graceMs);
  }

  /** Sets the alarm for `atMs`, when the host checks whether the attempt has stopped. */
  lookAt(atMs: number): void {
    if (this.#overdue !== undefined) this.#host.alarms.set(this.#overdue, atMs);
  }

  /** Keeps the last record of a worker that is dead. */
  keepNote(note: BulkNote): void {
    this.#note = note;
  }

  /** Ends the attempt without an answer, because its worker is dead. */
  end(): void {
    if (this.#overdue !== undefined) this.#host.alarms.clear(this.#overdue);
    this.#state = "ended";
    this.call.args.files?.release();
    this.onOver?.();
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
    // Of all failures, only those of calls that were not started took no time.
    this.wasSkipped = runMs === 0;
    this.call.refuse(error, runMs);
    this.end();
    this.#host.onAnswered(this);
  }

  onRecalled(): void {
    this.endedAt = this.#host.alarms.now;
    this.wasSkipped = true;
    this.end();
    this.#host.onGivenBack(this);
  }

  onChunk(value: Value): void {
    this.call.onChunk(value);
  }

  onProgress(value: Value): void {
    this.call.onProgress(value);
  }

  onPrinted(pipes: number): void {
    if (this.call.output === undefined) return;
    this.#outputEnd = new OutputEnd(pipes, this.#endedPipes);
    this.#host.onPrinted(this);
  }

  onAsk(ask: Ask): Value | Promise<Value> {
    return this.call.answer(ask, this.#host);
  }
}
