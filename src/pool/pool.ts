import { Alarms, SYSTEM_CLOCK } from "../async/mod.ts";
import type { Tool } from "../bridge/mod.ts";
import { SnakedenError, type WorkerExit } from "../errors.ts";
import { Call, type CallOwner, type CallRequest, NO_SERVICES } from "./calls/mod.ts";
import { PoolSessions } from "./affinity/mod.ts";
import { CrashPolicy, type CrashStats } from "./crashes/mod.ts";
import { Dispatcher, type PoolRoom } from "./dispatch/mod.ts";
import { type CodeChange, PoolCode } from "./pool_code.ts";
import type { PoolDeps, PoolOptions } from "./pool_options.ts";
import { PoolLifecycle, type PoolState, type PoolTransition } from "./pool_state.ts";
import { type PoolStats, StatsCounter } from "./pool_stats.ts";
import { profileOf } from "./profiles/mod.ts";
import { RegisteredTools } from "./registered/mod.ts";
import { devicesText, noWorkerYet, queueFull, stateRefusal } from "./refusals.ts";
import {
  type PoolDevices,
  type QuarantinedSlot,
  Supervisor,
  type SupervisorEvents,
  type UnhealthyDevice,
} from "./supervision/mod.ts";
import { firstPong, REPLACE_CAUSES, type Worker } from "./workers/mod.ts";

/**
 * A named set of identical workers with one queue. The {@link Dispatcher} decides which worker gets
 * which call. Calls that a worker has not started return to their places in the queue when the call
 * before them takes long, or when the worker ends. When a worker dies, the {@link CrashPolicy}
 * decides whether its calls fail or run again, and the {@link Supervisor} replaces the worker.
 */
export class Pool implements CallOwner, SupervisorEvents, AsyncDisposable {
  readonly deadlines: Alarms;
  /** The code that its workers run. */
  readonly code: PoolCode;
  /** Its sessions: which workers they are bound to. */
  readonly sessions: PoolSessions;
  /** The tools that its workers have registered. */
  readonly registered: RegisteredTools;
  readonly #options: PoolOptions;
  readonly launcher: PoolDeps["launcher"];
  readonly #supervisor: Supervisor;
  readonly #dispatcher: Dispatcher;
  /** Alarms of workers and attempts. Deadlines are separate: there are many, and few ring. */
  readonly #workerAlarms: Alarms;
  readonly #crashes: CrashPolicy;
  readonly #stats: StatsCounter;
  readonly #lifecycle: PoolLifecycle;
  readonly services: CallOwner["services"];
  readonly callPrefix = `${crypto.randomUUID().slice(0, 8)}-`;
  /** The reason why it ends, such as `was removed`, for the errors of calls that it refuses. */
  endReason: string | undefined = undefined;
  #callCount = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: PoolOptions, { clock = SYSTEM_CLOCK, services, stats, ...deps }: PoolDeps) {
    this.services = services ?? NO_SERVICES;
    this.#stats = stats ?? new StatsCounter();
    this.deadlines = new Alarms(clock);
    this.#workerAlarms = new Alarms(clock);
    this.#options = options;
    this.launcher = deps.launcher;
    this.#lifecycle = new PoolLifecycle(options.name);
    this.code = new PoolCode(options);
    this.#crashes = new CrashPolicy(options, {
      now: () => this.deadlines.now,
      declaresIdempotent: (tool) => this.declaresIdempotent(tool),
    });
    this.#dispatcher = new Dispatcher({
      budgetMs: options.pipelineBudgetMs,
      affinity: options,
      profile: profileOf(options),
      onAnswered: (worker) => this.#proved(worker),
      refusalOf: ({ tool }) => stateRefusal(this, tool),
    });
    this.registered = new RegisteredTools(this, this.#dispatcher.affinity);
    this.sessions = new PoolSessions(this.#dispatcher.affinity, () => this.deadlines.now);
    this.code.onEvent(({ reloaded }) => reloaded && this.#crashes.forget());
    const workers = { ...options, callPrefix: this.callPrefix };
    const parts = { ...deps, alarms: this.#workerAlarms, clock };
    this.#supervisor = new Supervisor(workers, parts, this);
    this.#lifecycle.onTransition(({ to }) => {
      if (to !== "unhealthy" && to !== "stopping") return;
      this.#dispatcher.rejectAll((call) => stateRefusal(this, call.tool));
    });
  }

  get name(): string {
    return this.#options.name;
  }

  get size(): number {
    return this.#options.size;
  }

  /** Its room for more work. */
  get room(): PoolRoom {
    return this.#dispatcher;
  }

  get queueLimit(): number {
    return this.#options.queueLimit;
  }

  /** Returns the deadline of a call of this tool that names none: the tool's own, or the pool's. */
  timeoutOf(tool: string, sessionId?: string): number {
    return this.code.timeoutOf(tool) || this.registered.timeoutOf(tool, sessionId) ||
      this.#options.timeoutMs;
  }

  get cancelGraceMs(): number {
    return this.#options.cancelGraceMs;
  }

  get moduleCure(): string | undefined {
    return this.#options.moduleCure;
  }

  get state(): PoolState {
    return this.#lifecycle.state;
  }

  /** The reason why the last start of a worker failed. Callers see only its first line. */
  get reason(): string | undefined {
    if (this.state !== "unhealthy" && this.state !== "starting") return undefined;
    return devicesText(this.heldUpBy) || this.#supervisor.health.reason;
  }

  /** The unhealthy devices for which all its slots wait; none if it has, or gets, a worker. */
  get heldUpBy(): readonly UnhealthyDevice[] {
    return this.#supervisor.heldUpBy;
  }

  /** The devices that its workers are given. */
  get devices(): Pick<PoolDevices, "assigned" | "ids" | "unhealthy"> {
    return this.#supervisor.devices;
  }

  /** The number of starts that failed in a row. */
  get failures(): number {
    return this.#supervisor.health.failures;
  }

  get stats(): PoolStats {
    const { restarts, recycled } = this.#supervisor;
    return { ...this.#stats.snapshot, restarts, recycled };
  }

  /** The crashes of its workers. */
  get crashes(): CrashStats {
    return this.#crashes.stats;
  }

  /** The slots that stay empty for a while because their workers crashed too often. */
  get tainted(): readonly QuarantinedSlot[] {
    return this.#supervisor.quarantine.slots;
  }

  /** The number of calls that wait for a worker. */
  get queued(): number {
    return this.#dispatcher.queued;
  }

  get workers(): readonly Worker[] {
    return this.#supervisor.workers;
  }

  /** The workers that take calls or run one. */
  get serving(): readonly Worker[] {
    return this.#supervisor.servingAll;
  }

  /** The tools of its newest worker; empty until the first one is ready. */
  get tools(): readonly Tool[] {
    return this.code.tools;
  }

  /** True if its newest worker offers a tool of this name, from its adapter. */
  offers(tool: string): boolean {
    return this.code.offers(tool);
  }

  /** True if the worker that has this tool says that it may run twice. */
  declaresIdempotent(tool: string, sessionId?: string): boolean {
    return this.code.declaresIdempotent(tool) || this.registered.isIdempotent(tool, sessionId);
  }

  /** Keeps `size` workers. Resolves when each slot has tried to start one, or could not. */
  async start(): Promise<void> {
    this.launcher.prepare?.();
    await this.#supervisor.start();
  }

  /** Calls `listener` after each change of state; returns a function that removes it. */
  onTransition(listener: (transition: PoolTransition) => void): () => void {
    return this.#lifecycle.onTransition(listener);
  }

  /**
   * Resolves when a worker is ready.
   *
   * @throws {SnakedenError} The error with which calls are refused, or the reason of `signal`.
   */
  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.#lifecycle.whenStarted(signal);
    const refusal = stateRefusal(this);
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Sends a call, or queues it. The outcome is in {@link Call.outcome}.
   *
   * @throws {SnakedenError} At once: `pool_saturated`, `pool_unhealthy`, `device_unavailable`,
   * `shutting_down`, `poison_call`, `worker_busy`, `session_worker_unavailable`,
   * `session_quota_exceeded`, or the reason of its signal.
   */
  submit(request: CallRequest): Call {
    this.#stats.requested();
    if (request.signal?.aborted) throw this.#refused(request.signal.reason);
    const { now } = this.deadlines;
    const unavailable = stateRefusal(this, request.tool) ??
      (request.bulk === undefined ? this.#crashes.refusal(request, now) : undefined);
    if (unavailable !== undefined) throw this.#refused(unavailable);
    const { affinity } = this.#dispatcher;
    const bound = this.registered.size === 0 ? undefined : this.registered.admit(request);
    const session = bound ??
      (request.sessionId === undefined ? undefined : affinity.admit(request, now));
    if (session instanceof SnakedenError) throw this.#refused(session);
    const worker = this.#dispatcher.claim(request.tool, now, session);
    if (worker === undefined) {
      const full = this.queued < this.queueLimit ? undefined : queueFull(this, request.tool);
      const refusal = affinity.refusalToWait(request.tool, session) ?? full;
      if (refusal !== undefined) throw this.#refused(affinity.released(session, refusal));
    }
    const call = new Call(request, { owner: this, sequence: ++this.#callCount, now, session });
    if (worker !== undefined) this.#dispatcher.send(call, worker, now);
    else this.#dispatcher.enqueue(call);
    return call;
  }

  /**
   * Asks all serving workers for a sign of life over their links; the first one answers for the
   * pool.
   *
   * @returns The time that it took, in milliseconds.
   * @throws {SnakedenError} When no worker is there, or the reason of `signal`.
   */
  async ping(signal: AbortSignal): Promise<number> {
    const workers = this.serving;
    if (workers.length === 0) throw stateRefusal(this) ?? noWorkerYet(this);
    return await firstPong(workers, signal);
  }

  /** Replaces a worker, which finishes the calls that it runs. Resolves when it has exited. */
  async stopWorker(worker: Worker): Promise<void> {
    await this.#supervisor.replace(worker, REPLACE_CAUSES.stopped);
  }

  /**
   * Replaces some serving workers one after the other as {@link Pool.stopWorker} does; all of them
   * if none are given, and then also what is starting. Resolves when they are gone, and early when
   * `signal` aborts or the pool stops.
   *
   * @throws {SnakedenError} At once: `shutting_down`.
   */
  recycle(workers: readonly Worker[] | undefined, signal?: AbortSignal): Promise<void> {
    if (!this.#lifecycle.isOpen) throw stateRefusal(this);
    return workers === undefined
      ? this.#recycleAll(signal)
      : this.#supervisor.roll(workers, REPLACE_CAUSES.recycled, signal);
  }

  /** Replaces all workers, since their code has changed; see {@link Supervisor}. */
  reload(change: CodeChange): void {
    if (!this.#lifecycle.isOpen) return;
    this.code.changed(change);
    this.launcher.renew?.();
    this.#supervisor.reload();
  }

  /**
   * Rejects the queued calls, waits up to `drainMs` for running ones, and ends all workers.
   * Everything is done when it resolves. A second call with 0 during the drain kills at once.
   */
  async stop(
    { drainMs = this.#options.drainMs }: { readonly drainMs?: number } = {},
  ): Promise<void> {
    if (this.#stopped !== undefined && drainMs === 0) {
      for (const worker of this.workers) worker.kill("was killed: the host stops at once");
    }
    await (this.#stopped ??= this.#stop(drainMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // ---- CallOwner ----

  settled(_call: Call, error: unknown): void {
    this.#stats.ended(error);
  }

  withdrawn(call: Call): void {
    this.#dispatcher.withdraw(call);
  }

  // ---- SupervisorEvents ----

  onReady(worker: Worker, predecessor?: Worker): void {
    const { now } = this.deadlines;
    if (predecessor !== undefined) this.#dispatcher.leave(predecessor, now);
    this.#dispatcher.join(worker, now);
    this.#lifecycle.transition("ready");
    this.code.ready(worker, { isNewest: this.#supervisor.hasNewestCode(worker) });
  }

  onStartFailed(worker: Worker, reason: string): boolean {
    return this.code.failed(worker, {
      reason,
      isNewest: this.#supervisor.hasNewestCode(worker),
      isServing: this.#dispatcher.isServing,
    });
  }

  onLost(worker: Worker): void {
    this.#dispatcher.leave(worker, this.deadlines.now);
    if (worker.state !== "gone") this.#assess();
    // An answer that proves the pool may still be in the stream, so it is onExit() that assesses.
    else if (this.state === "ready" && !this.#dispatcher.isServing) {
      this.#lifecycle.transition("starting");
    }
  }

  onExit(worker: Worker, exit: WorkerExit): void {
    // First: calls that wait for this worker alone end because of it, not of the pool's health.
    this.#dispatcher.exited(worker, exit, this.deadlines.now);
    this.#assess();
    const { lost, unstarted } = worker.inFlightAtExit;
    for (const attempt of [...lost, ...unstarted]) attempt.end();
    const flight = {
      worker,
      exit,
      lost: lost.map(({ call }) => call),
      unstarted: unstarted.map(({ call }) => call),
    };
    for (const judgement of this.#crashes.judge(flight)) this.#dispatcher.carryOut(judgement);
  }

  onImported(path: string): void {
    this.code.imported(path);
  }

  onCallLimitLifted(worker: Worker): void {
    this.#dispatcher.rejoin(worker, this.deadlines.now);
  }

  onHealth(): void {
    this.#assess();
  }

  async #recycleAll(signal: AbortSignal | undefined): Promise<void> {
    const workers = this.serving;
    this.launcher.renew?.();
    this.#supervisor.startAfresh();
    await this.#supervisor.roll(workers, REPLACE_CAUSES.recycled, signal);
    if (!signal?.aborted && this.#lifecycle.isOpen) this.code.recycled();
  }

  // ---- state ----

  /** Updates the state by the health of the pool if no worker serves. */
  #assess(): void {
    if (this.#dispatcher.isServing || !this.#lifecycle.isOpen) return;
    const isUnhealthy = this.#supervisor.health.isUnhealthy || this.heldUpBy.length > 0;
    this.#lifecycle.transition(isUnhealthy ? "unhealthy" : "starting");
  }

  #proved(worker: Worker): void {
    const { health, devices } = this.#supervisor;
    if (health.isInDoubt) health.proved();
    devices.answered(worker);
    if (worker.isSpent && this.#options.recycle.isIsolated) this.#supervisor.spent(worker);
  }

  /** Counts a refused request, and returns `reason`. */
  #refused(reason: unknown): unknown {
    this.#stats.ended(reason);
    return reason;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#lifecycle.transition("stopping");
    this.#supervisor.close();
    for (const worker of this.workers) this.#dispatcher.leave(worker, this.deadlines.now);
    await this.#supervisor.stop(drainMs);
    await this.launcher.close?.();
    this.#workerAlarms[Symbol.dispose]();
    this.deadlines[Symbol.dispose]();
    this.#lifecycle.transition("stopped");
  }
}
