import type { Link, LinkEvents, Log, Tool } from "../bridge/mod.ts";
import { SnakedenError, WorkerCrashedError, type WorkerExit } from "../errors.ts";
import { settlesWithin } from "./bounded_wait.ts";
import type { Call, CallTarget } from "./call.ts";
import type { LaunchedWorker, Launcher } from "./launcher.ts";
import { describeExit, describeOutput } from "./worker_process.ts";

/** Time between the two signs of a death, the end of the stream and the end of the process. */
const DEATH_GRACE_MS = 100;

/** How long stopping may take at each step. */
export interface StopOptions {
  /** For the call that runs, and for teardown(). */
  readonly drainMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
}

/** Who is told of what a worker writes. */
export interface WorkerListener {
  onLine(worker: Worker, line: string, from: "stdout" | "stderr"): void;
  onLog(worker: Worker, entry: Log): void;
  /** It takes no more calls: its stream or its process has ended. {@link Worker.died} tells the rest. */
  onLost(worker: Worker): void;
}

/**
 * One life of one Python process.
 *
 * `starting` -> `ready` when the launcher has it serving; `ready` <-> `busy` with each call; `ready | busy` ->
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
  readonly #linkClosed = Promise.withResolvers<void>();
  #state: WorkerState = "starting";
  #launched: LaunchedWorker | undefined;
  #call: Call | undefined;
  #calls = 0;
  #readyAt = 0;
  /** Why the host killed it. */
  #killReason: string | undefined;
  /** How it left, when it was its link that ended and not its process. */
  #lostLink: string | undefined;
  #stopRequested = false;
  #free: PromiseWithResolvers<void> | undefined;
  readonly #giveUp = new AbortController();
  #starting: Promise<unknown> | undefined;

  constructor(id: string, incarnation: string, listener: WorkerListener) {
    this.id = id;
    this.incarnation = incarnation;
    this.#listener = listener;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Calls it has been given so far. */
  get calls(): number {
    return this.#calls;
  }

  /** Time since it was ready for calls. */
  get servedMs(): number {
    return performance.now() - this.#readyAt;
  }

  /** The call that occupies it. */
  get call(): Call | undefined {
    return this.#call;
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

  /** True when the host wanted its end: it was stopped, or killed for what its call did. */
  get stopRequested(): boolean {
    return this.#stopRequested || this.#killReason !== undefined;
  }

  /** Starts the process; resolves when it is ready for calls. */
  async start(launcher: Launcher, signal: AbortSignal): Promise<void> {
    const launching = launcher.launch({
      workerId: this.id,
      incarnation: this.incarnation,
      events: this,
      onLine: (line, from) => this.#listener.onLine(this, line, from),
    }, AbortSignal.any([signal, this.#giveUp.signal]));
    this.#starting = launching;
    this.#launched = await launching;
    this.#readyAt = performance.now();
    this.#state = "ready";
  }

  /** Gives it a call; it has to be ready. */
  run(call: Call): void {
    if (this.#state !== "ready") {
      throw new SnakedenError("internal", `Cannot give ${this.id} a call: it is ${this.#state}`);
    }
    this.#state = "busy";
    this.#call = call;
    this.#calls++;
    call.send(this);
  }

  /** Its call is answered; true when it can take another one. */
  release(): boolean {
    this.#call = undefined;
    this.#free?.resolve();
    if (this.#state === "busy") this.#state = "ready";
    return this.#state === "ready";
  }

  /**
   * Resolves when it has died: with what is known of the end, after the pipes and the stream have been read to theirs.
   * The call that was open is still in {@link Worker.call}.
   */
  async died(): Promise<WorkerExit> {
    const { process, link } = this.#serving();
    const closed = this.#linkClosed.promise;
    await Promise.race([process.exited, closed]);
    this.#state = "gone";
    this.#listener.onLost(this);
    // One that was told to stop ends its stream and then runs its exit handlers; stop() sees to its end.
    if (this.#stopRequested) await process.exited;
    // An answer may still be in the stream of a process that has ended, and a process may outlive its stream.
    await settlesWithin(Promise.all([process.exited, closed]), DEATH_GRACE_MS);
    const hasEnded = await settlesWithin(process.exited, 0);
    if (!hasEnded) this.#lostLink = `lost its link (${link.closedReason}) and was killed`;
    link.close();
    return await process.kill();
  }

  /** Kills it at once; its call fails with `reason`. */
  kill(reason: string): void {
    this.#killReason ??= reason;
    void this.#launched?.process.kill();
  }

  /**
   * Lets the call that runs finish for `drainMs`, then cancels it; ends the process, by force where it has to. Until the
   * drain is over the adapter's teardown() may take its time too.
   */
  async stop({ drainMs, killGraceMs }: StopOptions): Promise<void> {
    if (this.#state === "gone") return;
    this.#stopRequested = true;
    if (this.#launched === undefined) return await this.#giveUpStart();
    const { link, process } = this.#launched;
    this.#state = "stopping";
    const until = performance.now() + drainMs;
    const drained = await settlesWithin(this.#callEnded(), drainMs);
    if (!drained) this.#call?.interrupt(`its worker ${this.id} was stopped after ${drainMs} ms`);
    link.stop();
    if (drained && await settlesWithin(process.exited, until - performance.now())) return;
    this.#killReason ??= `was stopped after a drain of ${drainMs} ms`;
    await process.terminate(killGraceMs);
  }

  /** The error of a call that this worker took with it. */
  crashError(exit: WorkerExit, tool: string): WorkerCrashedError {
    const how = this.#killReason ?? this.#lostLink ?? `ended with ${describeExit(exit)}`;
    return new WorkerCrashedError(
      `Cannot finish ${tool}: worker ${this.id} ${how}; ${describeOutput(exit.lastOutput)}`,
      exit,
      { workerId: this.id, incarnation: this.incarnation, pid: this.pid },
    );
  }

  onLog(entry: Log): void {
    this.#listener.onLog(this, entry);
  }

  onClosed(): void {
    this.#linkClosed.resolve();
  }

  async #giveUpStart(): Promise<void> {
    this.#giveUp.abort(
      new SnakedenError("shutting_down", `Worker ${this.id} was stopped while it started`),
    );
    // The launcher ends what it has started before it rejects.
    await Promise.allSettled([this.#starting]);
  }

  async #callEnded(): Promise<void> {
    if (this.#call === undefined) return;
    this.#free ??= Promise.withResolvers();
    await Promise.race([this.#free.promise, this.#serving().process.exited]);
  }

  #serving(): LaunchedWorker {
    if (this.#launched !== undefined) return this.#launched;
    throw new SnakedenError("internal", `Cannot use worker ${this.id}: it has not started`);
  }
}
