import type { Tool } from "../bridge/mod.ts";
import { SnakedenError, type WorkerExit } from "../errors.ts";
import { getLogger } from "../log.ts";
import { Call, type CallOwner, type CallRequest } from "./call.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { CallQueue } from "./call_queue.ts";
import { Deadlines } from "./deadlines.ts";
import type { Launcher } from "./launcher.ts";
import { type PoolStats, StatsCounter } from "./pool_stats.ts";
import { Supervisor, type SupervisorEvents, type SupervisorOptions } from "./supervisor.ts";
import type { Worker } from "./worker.ts";

/** How a pool behaves; times in milliseconds. `drainMs` is for running calls when the pool, or a worker, stops. */
export interface PoolOptions extends SupervisorOptions {
  /** Calls that may wait. */
  readonly queueLimit: number;
  /** Deadline of a call that names none. */
  readonly timeoutMs: number;
  /** Time that cancelled work has before its worker is killed. */
  readonly cancelGraceMs: number;
}

/**
 * `starting` until a worker is ready; `ready` while one is; `unhealthy` when none is and too many starts failed in a row
 * (it goes on trying, with pauses); `stopping` and `stopped` by {@link Pool.stop}.
 */
export type PoolState = "starting" | "ready" | "unhealthy" | "stopping" | "stopped";

/**
 * A named set of like workers with one queue. A call goes to the worker that has been idle longest, or waits; a worker
 * that dies fails the call that it ran, and its {@link Supervisor} replaces it.
 */
export class Pool implements CallOwner, SupervisorEvents, AsyncDisposable {
  readonly deadlines: Deadlines;
  readonly #options: PoolOptions;
  readonly #supervisor: Supervisor;
  readonly #log = getLogger("pool");
  readonly #queue = new CallQueue<Call>();
  /** Ready workers, the one that has been idle longest first. */
  readonly #idle: Worker[] = [];
  readonly #stats = new StatsCounter();
  readonly #changeListeners = new Set<() => void>();
  readonly #callPrefix = `${crypto.randomUUID().slice(0, 8)}-`;
  #callCount = 0;
  #hasServed = false;
  #tools: readonly Tool[] = [];
  #toolNames: ReadonlySet<string> = new Set();
  #stopped: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: PoolOptions, launcher: Launcher, clock: Clock = SYSTEM_CLOCK) {
    this.deadlines = new Deadlines(clock);
    this.#options = options;
    this.#supervisor = new Supervisor(options, launcher, this);
  }

  get name(): string {
    return this.#options.name;
  }

  get size(): number {
    return this.#options.size;
  }

  get queueLimit(): number {
    return this.#options.queueLimit;
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  get cancelGraceMs(): number {
    return this.#options.cancelGraceMs;
  }

  get state(): PoolState {
    if (this.#isStopped) return "stopped";
    if (this.#supervisor.isStopping) return "stopping";
    if (this.#supervisor.serving !== undefined) return "ready";
    const { policy, hasTriedAll } = this.#supervisor;
    return (hasTriedAll && !this.#hasServed) || policy.unhealthyReason !== undefined
      ? "unhealthy"
      : "starting";
  }

  /** Why it is unhealthy: what the last worker that failed has said. */
  get reason(): string | undefined {
    return this.state === "unhealthy" ? this.#supervisor.policy.lastReason : undefined;
  }

  get stats(): PoolStats {
    return { ...this.#stats.snapshot, restarts: this.#supervisor.restarts };
  }

  /** Calls that wait for a worker. */
  get queued(): number {
    return this.#queue.size;
  }

  get workers(): readonly Worker[] {
    return this.#supervisor.workers;
  }

  /** What its workers offer; empty until the first one was ready. */
  get tools(): readonly Tool[] {
    return this.#tools;
  }

  /** True when its workers offer a tool of this name. */
  offers(tool: string): boolean {
    return this.#toolNames.has(tool);
  }

  /** Starts to keep `size` workers. Resolves when each place has had its first attempt, whatever came of it. */
  async start(): Promise<void> {
    this.#supervisor.start();
    await this.#until(() => this.#supervisor.hasTriedAll || this.#supervisor.isStopping);
  }

  /**
   * Resolves when a worker is ready.
   *
   * @throws {SnakedenError} `pool_unhealthy`, `shutting_down`, or the reason of `signal`.
   */
  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.#until(() => this.state !== "starting", signal);
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Sends a call, or queues it. The outcome is in {@link Call.outcome}.
   *
   * @throws {SnakedenError} At once: `pool_saturated`, `pool_unhealthy`, `shutting_down`, or the reason of its signal.
   */
  submit(request: CallRequest): Call {
    this.#stats.requested();
    const refusal = request.signal?.aborted ? request.signal.reason : this.#refusal(request.tool);
    if (refusal !== undefined) {
      this.#stats.ended(refusal);
      throw refusal;
    }
    const call = new Call(`${this.#callPrefix}${(++this.#callCount).toString(36)}`, request, this);
    const worker = this.#idle.shift();
    if (worker !== undefined) worker.run(call);
    else this.#queue.push(call);
    return call;
  }

  /**
   * Asks all serving workers for a sign of life over their links; the first one answers for the pool.
   *
   * @returns Milliseconds it took.
   * @throws {SnakedenError} When no worker is there, or the reason of `signal`.
   */
  async ping(signal: AbortSignal): Promise<number> {
    const workers = this.#supervisor.servingAll;
    if (workers.length === 0) {
      throw this.#refusal() ?? new SnakedenError(
        "pool_unhealthy",
        `Pool ${this.name} has no ready worker yet`,
        { retryable: true },
      );
    }
    const enough = new AbortController();
    const bound = AbortSignal.any([signal, enough.signal]);
    try {
      return await Promise.any(workers.map((worker) => worker.link.ping(bound)));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      enough.abort();
    }
  }

  /** Lets a worker finish what it runs and ends it; another takes its place. */
  async stopWorker(worker: Worker): Promise<void> {
    this.#unlist(worker);
    await worker.stop(this.#options);
  }

  /**
   * Turns out the queue, lets running calls finish for `drainMs`, and ends all workers. Complete when it resolves. Called
   * again with 0 while it drains, it kills at once.
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
    this.#queue.remove(call);
  }

  answered(call: Call): void {
    const { policy } = this.#supervisor;
    if (policy.failures > 0) policy.proved();
    const worker = this.#workerOf(call);
    if (worker?.release()) this.#occupy(worker);
  }

  overran(call: Call): void {
    const worker = this.#workerOf(call);
    if (worker === undefined) return;
    this.#log.warn("killing {workerId}: {tool} did not stop within {graceMs} ms of its cancel", {
      workerId: worker.id,
      tool: call.tool,
      graceMs: this.cancelGraceMs,
    });
    worker.kill(`was killed: ${call.tool} did not stop when it was told to`);
  }

  // ---- SupervisorEvents ----

  onReady(worker: Worker): void {
    this.#hasServed = true;
    this.#tools = worker.tools;
    this.#toolNames = new Set(worker.tools.map((it) => it.name));
    this.#occupy(worker);
    this.#changed();
  }

  onLost(worker: Worker): void {
    this.#unlist(worker);
  }

  onGone(worker: Worker, exit: WorkerExit): void {
    const { call } = worker;
    call?.lose(worker.crashError(exit, call.tool));
    this.#changed();
  }

  onStartFailed(): void {
    this.#changed();
  }

  // ---- dispatch ----

  /** Gives a ready worker the next call, or lists it as idle. */
  #occupy(worker: Worker): void {
    const call = this.#queue.shift();
    if (call === undefined) this.#idle.push(worker);
    else worker.run(call);
  }

  #unlist(worker: Worker): void {
    const index = this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** The worker that a call occupies. */
  #workerOf(call: Call): Worker | undefined {
    const worker = this.#supervisor.worker(call.target?.id ?? "");
    return worker?.call === call ? worker : undefined;
  }

  // ---- state ----

  /** Why a call cannot be accepted now. Without a tool the queue does not count. */
  #refusal(tool?: string): SnakedenError | undefined {
    const { state } = this;
    const cannot = tool === undefined ? `Pool ${this.name} cannot serve` : `Cannot call ${tool}`;
    if (state === "stopping" || state === "stopped") {
      return new SnakedenError("shutting_down", `${cannot}: the pool ${this.name} is ${state}`, {
        retryable: true,
      });
    }
    if (state === "unhealthy") {
      return new SnakedenError(
        "pool_unhealthy",
        `${cannot}: no worker of the pool ${this.name} can be started. ${this.reason}`,
        {
          retryable: true,
          details: { pool: this.name, failures: this.#supervisor.policy.failures },
        },
      );
    }
    const { queueLimit } = this.#options;
    if (tool !== undefined && this.#idle.length === 0 && this.#queue.size >= queueLimit) {
      return new SnakedenError(
        "pool_saturated",
        `${cannot}: all workers of the pool ${this.name} are busy and ${queueLimit} calls wait`,
        { retryable: true, details: { pool: this.name, queueLimit } },
      );
    }
    return undefined;
  }

  /** Something changed that somebody may be waiting for. */
  #changed(): void {
    if (this.state === "unhealthy") this.#turnOutQueue();
    for (const listener of [...this.#changeListeners]) listener();
  }

  #turnOutQueue(): void {
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      call.withdraw(this.#refusal(call.tool));
    }
  }

  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (condition()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onChange = (): void => condition() ? resolve() : undefined;
    const onAbort = (): void => reject(signal?.reason);
    this.#changeListeners.add(onChange);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#changeListeners.delete(onChange);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #stop(drainMs: number): Promise<void> {
    this.#supervisor.close();
    this.#turnOutQueue();
    this.#idle.length = 0;
    this.#changed();
    await this.#supervisor.stop(drainMs);
    this.deadlines[Symbol.dispose]();
    this.#isStopped = true;
    this.#changed();
  }
}
