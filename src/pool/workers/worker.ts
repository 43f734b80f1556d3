import { type Alarms, settlesWithin } from "../../async/mod.ts";
import type { Link, LinkEvents, Log, Tool } from "../../bridge/mod.ts";
import { SnakedenError, type WorkerCrashedError, type WorkerExit } from "../../errors.ts";
import type { Place } from "../../hardware/mod.ts";
import { Attempt, type AttemptHost, type BulkNote, type Call } from "../calls/mod.ts";
import { classifyCrash, type Crash, type CrashRecord } from "../crashes/mod.ts";
import type { CallWindow, InFlightAtExit } from "../profiles/mod.ts";
import { crashErrorOf } from "./crash_error.ts";
import { type DeviceUse, deviceUsesOf } from "./device_use.ts";
import { type EndCause, linkEnded, ownFault, type ReplaceCause, wanted } from "./end_cause.ts";
import { END_GRACE_MS, hearOut } from "./hear_out.ts";
import { bulkNoteOf, CallsInFlight } from "./in_flight/mod.ts";
import type { LaunchedWorker, Launcher, LauncherName } from "./launchers/mod.ts";
import { WorkerOutput } from "./output/mod.ts";
import { ToolNames } from "./tool_names.ts";
import { type Breach, exitBreach, type WorkerLimits } from "./worker_limits.ts";
import type {
  CallSource,
  StopOptions,
  WorkerListener,
  WorkerOptions,
  WorkerState,
} from "./worker_options.ts";

/**
 * One life of one Python process, with its {@link WorkerState}. Its {@link CallWindow} knows how
 * many calls it runs at a time. More are sent ahead only if the process records which one it
 * begins, so that a crash hits no others. The worker listens to its link, frees the room of an
 * attempt itself, and then notifies its {@link CallSource}.
 */
export class Worker implements LinkEvents, AttemptHost {
  readonly id: string;
  /** The id of its process. Another one may take its place when it has started. */
  incarnation: string;
  /** Its place among the workers of its pool, in the order in which they were created. */
  readonly order: number;
  /** Its device; undefined if its pool assigns none. */
  readonly place: Place | undefined;
  readonly alarms: Alarms;
  /** The most calls that it runs at a time. */
  readonly capacity: number;
  /** The calls that it was sent and has not ended. */
  readonly inFlight: CallsInFlight;
  readonly startedAt = new Date();
  /** The reason for which it is replaced, or will be once it has a successor. */
  replaceCause: ReplaceCause | undefined;
  /** The time on the clock of its alarms at which it became ready, or last ended a call. */
  usedAt = 0;
  /** The names of its tools, once it is ready. */
  toolNames = new ToolNames([]);
  /** The calls that were in flight when it ended, until its exit is handled; none otherwise. */
  inFlightAtExit: InFlightAtExit<Attempt> = { lost: [], unstarted: [] };
  readonly #listener: WorkerListener<Worker>;
  readonly #callPrefix: string;
  readonly #output: WorkerOutput;
  readonly #window: CallWindow<Attempt>;
  readonly #linkClosed = Promise.withResolvers<void>();
  #state: WorkerState = "starting";
  #launched: LaunchedWorker | undefined;
  #source: CallSource<Worker> | undefined;
  #leavingFor: string | undefined;
  readonly #limits: WorkerLimits;
  readonly #renewAtCall: number;
  #maxCalls: number;
  #calls = 0;
  #rssBytes: number | undefined;
  #readyAt = 0;
  #endCause: EndCause | undefined;
  #stopRequested = false;
  readonly #giveUp = new AbortController();
  #starting: Promise<unknown> | undefined;

  constructor(options: WorkerOptions, listener: WorkerListener<Worker>) {
    const { id, incarnation, alarms, profile, limits = {}, maxCalls = Infinity } = options;
    this.id = id;
    this.incarnation = incarnation;
    this.order = options.order ?? 0;
    this.place = options.place;
    this.alarms = alarms;
    this.#limits = limits;
    this.#maxCalls = maxCalls;
    this.#renewAtCall = options.renewAtCall ?? Infinity;
    this.#listener = listener;
    this.#callPrefix = options.callPrefix ?? "";
    this.capacity = profile.capacity;
    this.#window = profile.open({ alarms, recall: () => this.link.recall() });
    this.inFlight = new CallsInFlight(this.#window);
    const find = (number: number): Attempt | undefined =>
      this.#window.find(({ call }) => call.number === number);
    this.#output = new WorkerOutput({ id, callPrefix: this.#callPrefix, find }, alarms);
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** The calls that the worker was given and did not give back. */
  get calls(): number {
    return this.#calls;
  }

  /** True once it has been given all the calls that it may be given. */
  get isSpent(): boolean {
    return this.#calls >= this.#maxCalls;
  }

  /** True if it has an interpreter lock; undefined until it is ready. */
  get hasGil(): boolean | undefined {
    return this.#launched && !this.#launched.ready.runsWithoutGil;
  }

  /** The number of calls that it has answered. */
  get answered(): number {
    const { lost, unstarted } = this.inFlightAtExit;
    return this.#calls - this.#window.size - lost.length - unstarted.length;
  }

  /** The signal from outside that asked it to end; it finishes what it runs and ends by itself. */
  get leavingFor(): string | undefined {
    return this.#leavingFor;
  }

  /** The resident memory of the process and its children, by its last report. */
  get rssBytes(): number | undefined {
    return this.#rssBytes;
  }

  /** A number that grows with everything that is received from it. */
  get heard(): number {
    return this.#launched?.link.heard ?? 0;
  }

  /** The time since it was ready for calls. */
  get servedMs(): number {
    return performance.now() - this.#readyAt;
  }

  /** The time in which the calls in flight are expected to be done. */
  get backlogMs(): number {
    return this.#window.backlogMs;
  }

  get pid(): number | undefined {
    return this.#launched?.process.pid;
  }

  get launcher(): LauncherName | undefined {
    return this.#launched?.launcher;
  }

  get pythonVersion(): string | undefined {
    return this.#launched?.link.hello.pythonVersion;
  }

  /** The uses that its frameworks make of its device, as it reported them when it was ready. */
  get deviceUses(): readonly DeviceUse[] {
    return deviceUsesOf(this.#launched?.ready);
  }

  get tools(): readonly Tool[] {
    return this.#launched?.ready.tools ?? [];
  }

  get link(): Link {
    return this.#serving().link;
  }

  /** True if the host wanted it to end: it was stopped, or killed through no fault of its own. */
  get stopRequested(): boolean {
    return this.#stopRequested || this.#endCause?.isWanted === true;
  }

  /** Starts the process; resolves when it is ready for calls. */
  async start(launcher: Launcher, signal: AbortSignal): Promise<void> {
    const launching = this.#starting = launcher.launch({
      workerId: this.id,
      incarnation: this.incarnation,
      callPrefix: this.#callPrefix,
      place: this.place,
      events: this,
      ...this.#output.listeners,
    }, AbortSignal.any([signal, this.#giveUp.signal]));
    this.#launched = await launching;
    this.incarnation = this.#launched.incarnation ?? this.incarnation;
    this.toolNames = new ToolNames(this.tools);
    this.#readyAt = performance.now();
    this.usedAt = this.alarms.now;
    this.#state = "ready";
  }

  serve(source: CallSource<Worker>): void {
    this.#source = source;
  }

  /** Returns true if it may be given a call: it is ready, or probably is within `budgetMs`. */
  hasRoom(budgetMs: number, now: number): boolean {
    if (this.isSpent) return false;
    if (this.#state === "ready") return true;
    // A crash would fail all that was sent ahead to a worker that does not record what it begins.
    const budget = this.#launched?.progress === undefined ? 0 : budgetMs;
    return this.#state === "busy" && this.#window.hasRoom(budget, now);
  }

  /** Gives it a call; it must have room. `expectedMs` is how long the call will probably run. */
  run(call: Call, expectedMs: number, now: number): void {
    if (this.#state !== "ready" && this.#state !== "busy") {
      throw new SnakedenError("internal", `Cannot give ${this.id} a call: it is ${this.#state}`);
    }
    this.#state = "busy";
    const attempt = new Attempt(call, this, now);
    this.#window.add(attempt, expectedMs, now);
    this.#calls++;
    attempt.send();
    if (this.#calls === this.#renewAtCall) this.#listener.onWorn(this);
  }

  /**
   * Resolves when the process has ended and its pipes and its link have been read to the end.
   * {@link Worker.inFlightAtExit} then holds the calls that were in flight.
   */
  async died(): Promise<WorkerExit> {
    const launched = this.#serving();
    const { process, link } = launched;
    const closed = this.#linkClosed.promise;
    void process.orphaned?.then((cause) => this.#listener.onWorn(this, cause));
    await Promise.race([process.exited, closed]);
    this.#state = "gone";
    this.#listener.onLost(this);
    // One that was asked to stop ends its stream before its exit handlers run. stop() ends it.
    if (this.#stopRequested) await process.exited;
    // The stream of an ended process may still have an answer, and a process may outlive it.
    await settlesWithin(Promise.all([process.exited, closed]), END_GRACE_MS);
    await hearOut(link, closed, END_GRACE_MS);
    const { breach, readToEnd } = link;
    const isAlive = !await settlesWithin(process.exited, 0);
    if (breach !== undefined || isAlive) this.#endCause ??= linkEnded(link);
    link.close();
    const exit = await process.kill();
    this.inFlightAtExit = this.inFlight.drain(launched, readToEnd);
    this.#output.close(this.inFlightAtExit.lost, process.dump);
    // The output of other calls belongs in the log only.
    const lastOutput = process.outputOf(this.inFlightAtExit.lost.map(({ call }) => call.number));
    return { ...exit, lastOutput };
  }

  liftCallLimit(): void {
    this.#maxCalls = Infinity;
  }

  /** Sends a ping that nobody waits for. */
  beat(): void {
    this.#launched?.link.beat();
  }

  /** Kills the worker at once. Its running calls fail with `reason`. */
  kill(reason: string): void {
    this.#end(wanted(reason));
  }

  /** Kills the worker for its own fault, which counts as a crash. */
  killForFault(reason: string, breach?: Breach): void {
    this.#end(ownFault(reason, breach));
  }

  /**
   * Recalls waiting calls, waits up to `drainMs` for running ones, then cancels them and ends the
   * process, if necessary by force. The adapter's teardown() may also use what is left of the
   * drain. May be called again with less time.
   */
  async stop({ drainMs, killGraceMs, patient = false }: StopOptions): Promise<void> {
    if (this.#state === "gone") return;
    this.#stopRequested = true;
    if (this.#launched === undefined) return await this.#giveUpStart();
    const { link, process } = this.#launched;
    this.#state = "stopping";
    if (this.#window.waiting > 0) link.recall();
    const over = [process.exited, this.#linkClosed.promise];
    if (patient) await this.inFlight.ended(over);
    const until = performance.now() + drainMs;
    const drained = await settlesWithin(this.inFlight.ended(over), drainMs);
    const { stuckCause } = this.inFlight;
    if (drained && stuckCause !== undefined) return this.kill(`was killed: ${stuckCause.text}`);
    if (!drained) {
      const why = `its worker ${this.id} was stopped after ${drainMs} ms`;
      for (const { call } of this.#window.begun) call.interrupt(why);
    }
    link.stop();
    if (drained && await settlesWithin(process.exited, until - performance.now())) return;
    this.#endCause ??= wanted(`was stopped after a drain of ${drainMs} ms`);
    await process.terminate(killGraceMs);
  }

  /** Classifies the end of the worker. */
  crashOf(exit: WorkerExit): Crash {
    return this.#endCause?.crash ?? classifyCrash(exit, this.#launched?.process.ownStatus);
  }

  /** Returns the reason of its end that the host knows besides its exit, if there is one. */
  endReason(exit: WorkerExit): string | undefined {
    return this.#endCause?.crash.reason ?? exitBreach(this.#limits, exit)?.text;
  }

  /**
   * Returns the error of a call that was in flight when this worker died.
   *
   * @param history All workers that the call lost, this one last.
   */
  crashError(
    exit: WorkerExit,
    tool: string,
    history: readonly CrashRecord[] = [],
  ): WorkerCrashedError {
    const own = { limits: this.#limits, ownStatus: this.#launched?.process.ownStatus };
    return crashErrorOf(this, exit, { tool, history, cause: this.#endCause, ...own });
  }

  // ---- AttemptHost ----

  hasBegun(attempt: Attempt): boolean {
    return this.#window.hasBegun(attempt);
  }

  bulkNoteOf(attempt: Attempt): BulkNote | undefined {
    return bulkNoteOf(this.#launched?.record, attempt);
  }

  onAnswered(attempt: Attempt): void {
    this.#freeRoom(attempt);
    this.#source?.onAnswered(this, attempt);
  }

  onPrinted(attempt: Attempt): void {
    this.#output.awaitEnd(attempt);
    this.#launched?.process.readOutput();
  }

  onGivenBack(attempt: Attempt): void {
    this.#calls--;
    this.#freeRoom(attempt);
    this.#source?.onGivenBack(this, attempt.call);
  }

  onOverdue(attempt: Attempt, graceMs: number): void {
    const { now } = this.alarms;
    const killAt = this.#window.killAt(attempt, graceMs, now);
    if (now < killAt) return attempt.lookAt(killAt);
    const { inFlight } = this;
    if (inFlight.giveUp(attempt, graceMs)) this.#listener.onWorn(this, inFlight.stuckCause);
    else this.kill(`was killed: ${attempt.call.tool} did not stop when it was told to`);
  }

  // ---- LinkEvents ----

  onLog(entry: Log): void {
    this.#output.entry(entry);
  }

  onMemory(rssBytes: number): void {
    this.#rssBytes = rssBytes;
    this.#listener.onMemory(this, rssBytes);
  }

  onLeaving(reason: string): void {
    this.#leavingFor = reason;
    this.#listener.onLeaving(this);
  }

  onImported(path: string): void {
    this.#listener.onImported?.(path);
  }

  onClosed(): void {
    this.#linkClosed.resolve();
  }

  /** Frees the room of an attempt. Nothing else does while the worker lives. */
  #freeRoom(attempt: Attempt): void {
    this.usedAt = attempt.endedAt;
    if (this.inFlight.free(attempt) && this.#state === "busy") this.#state = "ready";
  }

  #end(cause: EndCause): void {
    this.#endCause ??= cause;
    void this.#launched?.process.kill();
  }

  async #giveUpStart(): Promise<void> {
    this.#giveUp.abort(
      new SnakedenError("shutting_down", `Worker ${this.id} was stopped while it started`),
    );
    // The launcher ends whatever it has started before it rejects.
    await Promise.allSettled([this.#starting]);
  }

  #serving(): LaunchedWorker {
    if (this.#launched !== undefined) return this.#launched;
    throw new SnakedenError("internal", `Cannot use worker ${this.id}: it has not started`);
  }
}
