import { type Alarms, settlesWithin } from "../../async/mod.ts";
import type { Link, LinkEvents, Log, Tool } from "../../bridge/mod.ts";
import { SnakedenError, type WorkerCrashedError, type WorkerExit } from "../../errors.ts";
import { type Call, type CallTarget, InFlight } from "../calls/mod.ts";
import { classifyCrash, type Crash, type CrashRecord } from "../crashes/mod.ts";
import { crashErrorOf } from "./crash_error.ts";
import { type EndCause, linkEnded, ownFault, wanted } from "./end_cause.ts";
import { type InFlightAtExit, splitInFlight } from "./in_flight_at_exit.ts";
import type { LaunchedWorker, Launcher } from "./launchers/mod.ts";
import { type Breach, exitBreach, type WorkerLimits } from "./worker_limits.ts";
import { WorkerLog } from "./worker_log.ts";

/** Time between the two signs of a death, the end of the stream and the end of the process. */
const DEATH_GRACE_MS = 100;

/** How long stopping may take at each step. */
export interface StopOptions {
  /** For the call that runs, and for teardown(). */
  readonly drainMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Lets the call that runs take all the time that its own deadline gives it. */
  readonly patient?: boolean;
}

/** Receives the events of a worker. */
export interface WorkerListener {
  /** It takes no more calls: its stream or its process has ended. {@link Worker.died} tells the rest. */
  onLost(worker: Worker): void;
  /** Somebody else has told it to end, for this reason: {@link Worker.leavingFor}. */
  onLeaving(worker: Worker): void;
  /** It has told how much memory it holds: {@link Worker.rssBytes}. */
  onMemory(worker: Worker, rssBytes: number): void;
  /** It was given its call number `renewAtCall`. */
  onWorn(worker: Worker): void;
}

/** Which worker, and what it needs. */
export interface WorkerOptions {
  /** Such as `default-3`. */
  readonly id: string;
  readonly incarnation: string;
  /** Where calls that run are looked after. */
  readonly alarms: Alarms;
  /** What it is bounded to, to tell why it ended. */
  readonly limits?: WorkerLimits;
  /** Most calls that it is given. Default any number. */
  readonly maxCalls?: number;
  /** With which of them the listener is told. */
  readonly renewAtCall?: number;
}

/**
 * One life of one Python process. It runs one call at a time; others may be sent ahead ({@link InFlight}) when it notes
 * which one it starts, so that its death takes no more than that one along.
 *
 * `starting` -> `ready` when the launcher has it serving; `ready` <-> `busy` as calls are in flight; `ready | busy` ->
 * `stopping` by {@link Worker.stop}; any -> `gone` at the first sign of its end. A worker that is gone stays so: what
 * replaces it is another Worker with the same id and another incarnation.
 */
export type WorkerState = "starting" | "ready" | "busy" | "stopping" | "gone";

/** See {@link WorkerState}. */
export class Worker implements LinkEvents, CallTarget {
  readonly id: string;
  readonly incarnation: string;
  readonly startedAt = new Date();
  readonly #listener: WorkerListener;
  readonly #log: WorkerLog;
  readonly #inFlight: InFlight<Call>;
  readonly #linkClosed = Promise.withResolvers<void>();
  #state: WorkerState = "starting";
  #launched: LaunchedWorker | undefined;
  #remains: InFlightAtExit = { lost: [], unstarted: [] };
  #leavingFor: string | undefined;
  readonly #limits: WorkerLimits;
  readonly #renewAtCall: number;
  #maxCalls: number;
  #calls = 0;
  #rssBytes: number | undefined;
  #readyAt = 0;
  #endCause: EndCause | undefined;
  #stopRequested = false;
  #free: PromiseWithResolvers<void> | undefined;
  readonly #giveUp = new AbortController();
  #starting: Promise<unknown> | undefined;

  constructor(options: WorkerOptions, listener: WorkerListener) {
    const { id, incarnation, alarms, limits = {}, maxCalls = Infinity } = options;
    this.id = id;
    this.incarnation = incarnation;
    this.#limits = limits;
    this.#maxCalls = maxCalls;
    this.#renewAtCall = options.renewAtCall ?? Infinity;
    this.#listener = listener;
    this.#log = new WorkerLog(id, alarms);
    this.#inFlight = new InFlight(alarms, () => this.link.recall());
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Calls it has been given so far, without those that it gave back. */
  get calls(): number {
    return this.#calls;
  }

  /** True when it has been given all the calls that it may be given. */
  get isSpent(): boolean {
    return this.#calls >= this.#maxCalls;
  }

  /** Calls that it has answered so far. */
  get answered(): number {
    const { lost, unstarted } = this.#remains;
    return this.#calls - this.#inFlight.size - lost.length - unstarted.length;
  }

  /** The signal from outside that asked it to end; it finishes what it runs and ends by itself. */
  get leavingFor(): string | undefined {
    return this.#leavingFor;
  }

  /** Resident memory of it and its children, as it told last. */
  get rssBytes(): number | undefined {
    return this.#rssBytes;
  }

  /** Grows whenever something comes from it. */
  get heard(): number {
    return this.#launched?.link.heard ?? 0;
  }

  /** Time since it was ready for calls. */
  get servedMs(): number {
    return performance.now() - this.#readyAt;
  }

  /** The call that occupies it; others may wait in it behind this one. */
  get call(): Call | undefined {
    return this.#inFlight.head;
  }

  /** Since when {@link Worker.call} does. */
  get callSince(): number {
    return this.#inFlight.headSince;
  }

  /** How long the calls in flight are expected to run. */
  get backlogMs(): number {
    return this.#inFlight.backlogMs;
  }

  /** What was in flight when it died; nothing before that. */
  get remains(): InFlightAtExit {
    return this.#remains;
  }

  get pid(): number | undefined {
    return this.#launched?.process.pid;
  }

  get pythonVersion(): string | undefined {
    return this.#launched?.link.hello.pythonVersion;
  }

  get tools(): readonly Tool[] {
    return this.#launched?.ready.tools ?? [];
  }

  get link(): Link {
    return this.#serving().link;
  }

  /** True when the host wanted its end: it was stopped, or killed for no fault of its own. */
  get stopRequested(): boolean {
    return this.#stopRequested || this.#endCause?.isWanted === true;
  }

  /** Starts the process; resolves when it is ready for calls. */
  async start(launcher: Launcher, signal: AbortSignal): Promise<void> {
    const launching = launcher.launch({
      workerId: this.id,
      incarnation: this.incarnation,
      events: this,
      onLine: (line, from) => this.#log.line(line, from),
    }, AbortSignal.any([signal, this.#giveUp.signal]));
    this.#starting = launching;
    this.#launched = await launching;
    this.#readyAt = performance.now();
    this.#state = "ready";
  }

  /** True when it may be given a call: it is ready, or its calls are expected to be done within `budgetMs`. */
  hasRoom(budgetMs: number, now: number): boolean {
    if (this.isSpent) return false;
    if (this.#state === "ready") return true;
    return this.#state === "busy" && this.#launched?.progress !== undefined &&
      this.#inFlight.hasRoom(budgetMs, now);
  }

  /** Gives it a call; it has to have room. `expectedMs` is how long the call will probably run. */
  run(call: Call, expectedMs: number, now: number): void {
    if (this.#state !== "ready" && this.#state !== "busy") {
      throw new SnakedenError("internal", `Cannot give ${this.id} a call: it is ${this.#state}`);
    }
    this.#state = "busy";
    this.#inFlight.add(call, expectedMs, now);
    this.#calls++;
    call.send(this, now);
    if (this.#calls === this.#renewAtCall) this.#listener.onWorn(this);
  }

  /** A call of it is answered; true when that was the last one and it has become ready. */
  release(call: Call, now: number): boolean {
    if (!this.#inFlight.remove(call, now) || this.#inFlight.size > 0) return false;
    this.#free?.resolve();
    if (this.#state !== "busy") return false;
    this.#state = "ready";
    return true;
  }

  /** It gave a call back unstarted; true as in {@link Worker.release}. */
  takeBack(call: Call, now: number): boolean {
    this.#calls--;
    return this.release(call, now);
  }

  /**
   * Resolves when it has died: with what is known of the end, after the pipes and the stream have been read to theirs.
   * What it took along is in {@link Worker.remains}.
   */
  async died(): Promise<WorkerExit> {
    const launched = this.#serving();
    const { process, link } = launched;
    const closed = this.#linkClosed.promise;
    await Promise.race([process.exited, closed]);
    this.#state = "gone";
    this.#listener.onLost(this);
    // One that was told to stop ends its stream and then runs its exit handlers; stop() sees to its end.
    if (this.#stopRequested) await process.exited;
    // An answer may still be in the stream of a process that has ended, and a process may outlive its stream.
    await settlesWithin(Promise.all([process.exited, closed]), DEATH_GRACE_MS);
    await this.#hearOut(link);
    const hasEnded = await settlesWithin(process.exited, 0);
    const { breach, readToEnd } = link;
    if (breach !== undefined || !hasEnded) this.#endCause ??= linkEnded(link);
    link.close();
    const exit = await process.kill();
    this.#log.close();
    this.#remains = splitInFlight(this.#inFlight.drain(), launched.progress, readToEnd);
    // What other calls have printed is nobody's business but the log's.
    const lastOutput = process.outputOf(this.#remains.lost.map(({ linkId }) => linkId));
    return { ...exit, lastOutput };
  }

  /**
   * Waits until the stream is at its end, or brings nothing for a while: a host that was busy for longer than the grace has
   * not read it yet. (It may have no end: a child that the worker forked may hold it open.)
   */
  async #hearOut(link: Link): Promise<void> {
    for (let heard = -1; link.closedReason === undefined && link.heard !== heard;) {
      heard = link.heard;
      await settlesWithin(this.#linkClosed.promise, DEATH_GRACE_MS);
    }
  }

  /** Lets it take any number of calls. */
  reprieve(): void {
    this.#maxCalls = Infinity;
  }

  /** Sends a ping that nobody waits for. */
  beat(): void {
    this.#launched?.link.beat();
  }

  /** Kills it at once; the call that runs fails with `reason`. */
  kill(reason: string): void {
    this.#end(wanted(reason));
  }

  /** Kills it for what it did itself, which counts as a crash like any other. */
  condemn(reason: string, breach?: Breach): void {
    this.#end(ownFault(reason, breach));
  }

  /**
   * Asks back what waits behind the call that runs, lets that one finish for `drainMs`, then cancels it; ends the process,
   * by force where it has to. Until the drain is over the adapter's teardown() may take its time too. May be called again
   * with less time.
   */
  async stop({ drainMs, killGraceMs, patient = false }: StopOptions): Promise<void> {
    if (this.#state === "gone") return;
    this.#stopRequested = true;
    if (this.#launched === undefined) return await this.#giveUpStart();
    const { link, process } = this.#launched;
    this.#state = "stopping";
    if (this.#inFlight.size > 1) link.recall();
    if (patient) await this.#callsEnded();
    const until = performance.now() + drainMs;
    const drained = await settlesWithin(this.#callsEnded(), drainMs);
    if (!drained) this.call?.interrupt(`its worker ${this.id} was stopped after ${drainMs} ms`);
    link.stop();
    if (drained && await settlesWithin(process.exited, until - performance.now())) return;
    this.#endCause ??= wanted(`was stopped after a drain of ${drainMs} ms`);
    await process.terminate(killGraceMs);
  }

  /** Why it ended, as far as can be told. */
  crashOf(exit: WorkerExit): Crash {
    return this.#endCause?.crash ?? classifyCrash(exit);
  }

  /**
   * The error of a call that this worker took with it.
   *
   * @param history All workers that the call lost, this one last.
   */
  crashError(
    exit: WorkerExit,
    tool: string,
    history: readonly CrashRecord[] = [],
  ): WorkerCrashedError {
    return crashErrorOf(this, exit, {
      tool,
      history,
      breach: this.#endCause?.breach ?? exitBreach(this.#limits, exit),
      how: this.#endCause?.crash.reason,
    });
  }

  onLog(entry: Log): void {
    this.#log.entry(entry);
  }

  onMemory(rssBytes: number): void {
    this.#rssBytes = rssBytes;
    this.#listener.onMemory(this, rssBytes);
  }

  onLeaving(reason: string): void {
    this.#leavingFor = reason;
    this.#listener.onLeaving(this);
  }

  onClosed(): void {
    this.#linkClosed.resolve();
  }

  #end(cause: EndCause): void {
    this.#endCause ??= cause;
    void this.#launched?.process.kill();
  }

  async #giveUpStart(): Promise<void> {
    this.#giveUp.abort(
      new SnakedenError("shutting_down", `Worker ${this.id} was stopped while it started`),
    );
    // The launcher ends what it has started before it rejects.
    await Promise.allSettled([this.#starting]);
  }

  async #callsEnded(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    this.#free ??= Promise.withResolvers();
    const { exited } = this.#serving().process;
    await Promise.race([this.#free.promise, exited, this.#linkClosed.promise]);
  }

  #serving(): LaunchedWorker {
    if (this.#launched !== undefined) return this.#launched;
    throw new SnakedenError("internal", `Cannot use worker ${this.id}: it has not started`);
  }
}
