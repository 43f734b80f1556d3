import { Alarms, SYSTEM_CLOCK } from "../async/mod.ts";
import type { Tool } from "../bridge/mod.ts";
import { SnakedenError } from "../errors.ts";
import { Call, type CallOwner, type CallRequest, NO_SERVICES, type WhenBusy } from "./calls/mod.ts";
import { obstacleOf, refusalToWait } from "./admission.ts";
import { PoolSessions } from "./affinity/mod.ts";
import { CrashPolicy, type CrashStats } from "./crashes/mod.ts";
import { type CodeChange, PoolCode } from "./code/mod.ts";
import { Dispatcher, PoolDemand, type PoolRoom } from "./dispatch/mod.ts";
import type { PoolDeps, PoolOptions } from "./pool_options.ts";
import { profileOf } from "./profiles/mod.ts";
import { PoolLifecycle, type PoolState, type PoolTransition } from "./pool_state.ts";
import { type PoolStats, StatsCounter } from "./pool_stats.ts";
import { RegisteredTools } from "./registered/mod.ts";
import { devicesText, noWorkerYet, stateRefusal } from "./refusals.ts";
import { type ResizeRequest, type ScaleLimits, Supervisor } from "./supervision/mod.ts";
import { SupervisedPool } from "./supervised_pool.ts";
import { WorkerEvents } from "./worker_events.ts";
import { firstPong, REPLACE_CAUSES, type Worker } from "./workers/mod.ts";

/**
 * A named set of identical workers with one queue. The {@link Dispatcher} decides which worker gets
 * which call. Calls that a worker has not started return to their places in the queue when the call
 * before them takes long, or when the worker ends. When a worker dies, the {@link CrashPolicy}
 * decides whether its calls fail or run again, and the {@link Supervisor} replaces the worker.
 */
export class Pool extends SupervisedPool implements CallOwner, AsyncDisposable {
  readonly deadlines: Alarms;
  /** The code that its workers run. */
  readonly code: PoolCode;
  /** Its sessions: which workers they are bound to. */
  readonly sessions: PoolSessions;
  /** The tools that its workers have registered. */
  readonly registered: RegisteredTools;
  readonly #options: PoolOptions;
  protected override readonly supervisor: Supervisor;
  /** Its room for more work. */
  readonly room: PoolRoom;
  /** Starts its workers. */
  readonly launcher: PoolDeps["launcher"];
  readonly #dispatcher: Dispatcher;
  /** Alarms of workers and attempts. Deadlines are separate: there are many, and few ring. */
  readonly #workerAlarms: Alarms;
  readonly #crashes: CrashPolicy;
  readonly #stats: StatsCounter;
  readonly #lifecycle: PoolLifecycle;
  readonly #events: WorkerEvents;
  readonly services: CallOwner["services"];
  readonly callPrefix = `${crypto.randomUUID().slice(0, 8)}-`;
  /** The reason why it ends, such as `was removed`, for the errors of calls that it refuses. */
  endReason: string | undefined = undefined;
  #callCount = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: PoolOptions, { clock = SYSTEM_CLOCK, services, stats, ...deps }: PoolDeps) {
    super();
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
      profile: options,
      onAnswered: (worker) => this.#events.answered(worker),
      refusalOf: ({ tool }) => stateRefusal(this, tool),
    });
    this.room = this.#dispatcher.room;
    this.registered = new RegisteredTools(this, this.#dispatcher.affinity);
    this.sessions = new PoolSessions(this.#dispatcher.affinity, () => this.deadlines.now);
    this.code.onEvent(({ reloaded }) => reloaded && this.#crashes.forget());
    const now = (): number => this.deadlines.now;
    this.#events = new WorkerEvents({
      dispatcher: this.#dispatcher,
      lifecycle: this.#lifecycle,
      code: this.code,
      crashes: this.#crashes,
      isIsolated: options.recycle.isIsolated === true,
      now,
      supervisor: () => this.supervisor,
    });
    const demand = new PoolDemand({
      dispatcher: this.#dispatcher,
      capacity: profileOf(options).capacity,
      isAwaited: () => this.code.isAwaited,
      hasTools: (worker) => this.registered.has(worker),
      now,
    });
    this.supervisor = new Supervisor(
      { ...options, callPrefix: this.callPrefix },
      { ...deps, demand, alarms: this.#workerAlarms, clock },
      this.#events,
    );
    this.#stats.follow(() => ({ ...this.supervisor.counts, ...this.#crashes.counts }));
    this.#listen();
    this.#lifecycle.onTransition(({ to }) => {
      if (to !== "unhealthy" && to !== "stopping") return;
      this.#dispatcher.rejectAll((call) => stateRefusal(this, call.tool));
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** True while no call is sent to a worker; see {@link Pool.pause}. */
  get isPaused(): boolean {
    return this.#dispatcher.isPaused;
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

  get obstacle(): string | undefined {
    return obstacleOf(this, this.#dispatcher);
  }

  /** The fate of a call that no worker is free for, unless it says. */
  get whenBusy(): WhenBusy {
    return this.#options.whenBusy ?? "wait";
  }

  /** True if a worker is on its way, or may be started, that no call which waits needs. */
  get hasWorkerToCome(): boolean {
    return !this.isPaused && this.supervisor.scaling.unclaimed > 0;
  }

  get state(): PoolState {
    return this.#lifecycle.state;
  }

  /** True if it has no worker, and is to start one only for the next call. */
  get isReadyWithoutWorker(): boolean {
    return this.state === "ready" && !this.#dispatcher.isServing;
  }

  /** The reason why the last start of a worker failed. Callers see only its first line. */
  get reason(): string | undefined {
    if (this.state !== "unhealthy" && this.state !== "starting") return undefined;
    return devicesText(this.heldUpBy) || this.supervisor.health.reason;
  }

  get stats(): PoolStats {
    return this.#stats.snapshot;
  }

  /** The crashes of its workers. */
  get crashes(): CrashStats {
    return { ...this.#crashes.stats, ...this.#stats.crashes };
  }

  /** The number of calls that wait for a worker. */
  get queued(): number {
    return this.#dispatcher.queued;
  }

  /** The tools of its newest worker; before the first one, those that are known of its code. */
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

  /**
   * Starts the first workers and keeps as many as it must. Resolves when each slot of the first
   * ones has tried to start one, successfully or not.
   */
  async start(): Promise<void> {
    this.launcher.prepare?.();
    const started = this.supervisor.start();
    this.#events.assess();
    await started;
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
      const refusal = refusalToWait(this, request, { session, affinity });
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

  /**
   * Ends a worker: `soft` lets it finish the calls that it runs, `hard` kills it, and its calls
   * fail. It gets a successor, unless the pool has more than `min` workers and no call waits.
   * Resolves when it has exited.
   */
  async stopWorker(
    worker: Worker,
    { mode = "soft" }: { readonly mode?: "soft" | "hard" } = {},
  ): Promise<void> {
    if (mode === "hard") await this.supervisor.kill(worker);
    else await this.supervisor.replace(worker, REPLACE_CAUSES.stopped);
  }

  /**
   * Changes how many workers it keeps; what is left out stays. Missing workers are started. Excess
   * ones take no more calls, finish theirs and end: idle ones first, those with strict sessions
   * last. Returns the limits, which hold at once.
   *
   * @throws {SnakedenError} `invalid_input` naming each field, `shutting_down`.
   */
  resize(change: ResizeRequest): ScaleLimits {
    this.assertOpen();
    const limits = this.supervisor.scaling.resize(change);
    this.#listen();
    this.#events.onHealth();
    return limits;
  }

  /**
   * Sends no more calls: those that wait, and new ones, wait until {@link Pool.resume} or their
   * deadlines. Those that run go on.
   *
   * @throws {SnakedenError} `shutting_down`.
   */
  pause(): void {
    this.assertOpen();
    this.#dispatcher.pause();
  }

  /** Ends a pause. */
  resume(): void {
    this.assertOpen();
    this.#dispatcher.resume(this.deadlines.now);
  }

  /** Starts workers if they are needed, since there may be room for them beyond its own limits. */
  reconsider(): void {
    this.supervisor.scaling.reconsider();
    this.room.onIdle?.();
  }

  /**
   * Replaces some serving workers one after the other as {@link Pool.stopWorker} does; all of them
   * if none are given, and then also what is starting. Resolves when they are gone, and early when
   * `signal` aborts or the pool stops.
   *
   * @throws {SnakedenError} At once: `shutting_down`.
   */
  recycle(workers: readonly Worker[] | undefined, signal?: AbortSignal): Promise<void> {
    this.assertOpen();
    return workers === undefined
      ? this.#recycleAll(signal)
      : this.supervisor.roll(workers, REPLACE_CAUSES.recycled, signal);
  }

  /** Replaces all workers, since their code has changed; see {@link Supervisor}. */
  reload(change: CodeChange): void {
    if (!this.#lifecycle.isOpen) return;
    this.code.changed(change);
    this.launcher.renew?.();
    this.supervisor.reload();
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

  settled(_call: Call, error: unknown): void {
    this.#stats.ended(error);
  }

  withdrawn(call: Call): void {
    this.#dispatcher.withdraw(call);
  }

  async #recycleAll(signal: AbortSignal | undefined): Promise<void> {
    const workers = this.serving;
    this.code.renewed();
    this.launcher.renew?.();
    this.supervisor.startAfresh();
    await this.supervisor.roll(workers, REPLACE_CAUSES.recycled, signal);
    if (!signal?.aborted && this.#lifecycle.isOpen) this.code.recycled();
  }

  /** Lets the scaling hear of calls, if the number of workers depends on them. */
  #listen(): void {
    const { scaling } = this.supervisor;
    this.#dispatcher.scaling = scaling.isElastic ? scaling : undefined;
  }

  protected override assertOpen(): void {
    if (!this.#lifecycle.isOpen) throw stateRefusal(this);
  }

  /** Counts a refused request, and returns `reason`. */
  #refused(reason: unknown): unknown {
    this.#stats.ended(reason);
    return reason;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#lifecycle.transition("stopping");
    this.supervisor.close();
    for (const worker of this.workers) this.#dispatcher.leave(worker, this.deadlines.now);
    await this.supervisor.stop(drainMs);
    await this.launcher.close?.();
    this.#workerAlarms[Symbol.dispose]();
    this.deadlines[Symbol.dispose]();
    this.#stats.close();
    this.#lifecycle.transition("stopped");
  }
}
