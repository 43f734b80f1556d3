import { delay, Semaphore, settlesWithin } from "../../async/mod.ts";
import { messageOf, SnakedenError, type WorkerExit } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { describeExit, isOwnDoing, isSignalled } from "../crashes/mod.ts";
import { memoryBreach, Worker, type WorkerListener, WorkerStartError } from "../workers/mod.ts";
import { Heartbeat, type HeartbeatEvents } from "./heartbeat.ts";
import { hasProvedItself, PoolHealth } from "./pool_health.ts";
import { Quarantine } from "./quarantine.ts";
import { RecyclePolicy } from "./recycle_policy.ts";
import { Slot } from "./slot.ts";
import { StartBackoff } from "./start_backoff.ts";
import type { SupervisorDeps, SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";

/** Default of `reapMs`. */
const REAP_MS = 5_000;
/** A worker that is worn before this may have been worn from the start, so its successor waits a while. */
const SHORT_LIFE_MS = 10_000;

/** Why a worker is not ready. */
interface StartFailure {
  readonly reason: string;
  /** True when somebody, or the kernel, has ended it by a signal. */
  readonly signalled: boolean;
}

/**
 * Keeps a fixed number of places filled with workers, one loop a place, until it is stopped.
 *
 * A worker that has died is replaced when it is gone. One that is to go though it lives ({@link Supervisor.replace}) serves
 * on until its successor is ready; then the successor takes its calls from the same moment on, and the old one finishes
 * what it runs and ends. When the successor cannot be started the old one goes on, and it is tried again after a pause.
 * A worker that was asked to end from outside takes no more calls, so its place is filled at once,
 * while the worker finishes.
 */
export class Supervisor implements WorkerListener<Worker>, HeartbeatEvents<Worker> {
  readonly health: PoolHealth;
  readonly quarantine: Quarantine;
  readonly #options: SupervisorOptions;
  readonly #deps: SupervisorDeps;
  readonly #events: SupervisorEvents;
  readonly #log = getLogger("pool");
  readonly #workers = new Set<Worker>();
  readonly #tenancies = new Map<Worker, Slot>();
  readonly #gate: Semaphore;
  /** One successor at a time: no pool needs the memory of many workers more than it has. */
  readonly #successions = new Semaphore(1);
  readonly #heartbeat: Heartbeat<Worker>;
  readonly #recycling: RecyclePolicy;
  readonly #stopping = new AbortController();
  readonly #triedAll = Promise.withResolvers<void>();
  #places: readonly Promise<void>[] = [];
  #restarts = 0;
  #recycled = 0;

  constructor(options: SupervisorOptions, deps: SupervisorDeps, events: SupervisorEvents) {
    this.#options = options;
    this.#deps = deps;
    this.#events = events;
    this.#gate = new Semaphore(options.startConcurrency);
    this.health = new PoolHealth(options.size, () => events.onHealth());
    this.quarantine = new Quarantine(options, () => deps.alarms.now);
    this.#recycling = new RecyclePolicy(options.recycle);
    this.#heartbeat = new Heartbeat(options.heartbeat, deps.clock, this);
  }

  /** Those that start, serve, or are being stopped. */
  get workers(): readonly Worker[] {
    return [...this.#workers];
  }

  /** Those that take calls or run one. */
  get servingAll(): readonly Worker[] {
    return this.workers.filter(({ state }) => state === "ready" || state === "busy");
  }

  /** Workers started in the place of others. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Part of them that took over from a worker that lived. */
  get recycled(): number {
    return this.#recycled;
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Fills the places. Resolves when each has had its first attempt, whatever came of it, or when it is closed. */
  async start(): Promise<void> {
    if (this.#places.length === 0 && !this.isStopping) this.#fill();
    await this.#triedAll.promise;
  }

  #fill(): void {
    const ids = Array.from(
      { length: this.#options.size },
      (_, i) => `${this.#options.name}-${i + 1}`,
    );
    this.#places = ids.map((id) => this.#keep(id));
  }

  /** Fills no place any more; what is starting is given up. */
  close(): void {
    const { name } = this.#options;
    this.#stopping.abort(
      new SnakedenError("shutting_down", `The pool ${name} is stopping`, { retryable: true }),
    );
    this.#triedAll.resolve();
  }

  /** Closes, and ends all workers. Complete when it resolves, which is bounded: what cannot be killed stays. */
  async stop(drainMs: number): Promise<void> {
    this.close();
    const { name, killGraceMs, reapMs = REAP_MS } = this.#options;
    const ended = Promise.allSettled([
      ...this.workers.map((worker) => worker.stop({ drainMs, killGraceMs })),
      ...[...this.#tenancies.values()].map((it) => it.over),
      ...this.#places,
    ]);
    if (!await settlesWithin(ended, drainMs + killGraceMs + reapMs)) {
      const pids = this.workers.map((it) => it.pid);
      this.#log.error("{pool}: some workers cannot be ended: {pids}", { pool: name, pids });
    }
    this.#heartbeat[Symbol.dispose]();
  }

  /**
   * Lets a successor take over from a worker, which then finishes what it runs, however long that takes, and ends.
   * Resolves when it is gone. One that is still starting is given up; another one is started.
   */
  async replace(worker: Worker, reason: string): Promise<void> {
    const tenancy = this.#tenancies.get(worker);
    if (tenancy === undefined || this.isStopping) return await worker.stop(this.#options);
    this.#renew(tenancy, reason, 0);
    await tenancy.over;
  }

  /** Replaces workers one after the other; ends early, between two of them, when `signal` aborts or it is stopped. */
  async roll(workers: readonly Worker[], reason: string, signal?: AbortSignal): Promise<void> {
    for (const worker of workers) {
      if (signal?.aborted || this.isStopping) return;
      // What has died or gone meanwhile has been replaced.
      if (this.#tenancies.has(worker)) await this.replace(worker, reason);
    }
  }

  onLost(worker: Worker): void {
    this.#events.onLost(worker);
  }

  onLeaving(worker: Worker): void {
    const tenancy = this.#tenancies.get(worker);
    // One that is not in its place yet is looked at when it takes it.
    if (tenancy !== undefined && !worker.stopRequested) this.#letGo(tenancy);
  }

  onMemory(worker: Worker, rssBytes: number): void {
    const breach = memoryBreach(this.#options.limits, rssBytes);
    const tenancy = this.#tenancies.get(worker);
    if (tenancy === undefined) return;
    if (breach !== undefined) {
      this.#log.error("{workerId} {breach}", { workerId: worker.id, breach: breach.text });
      worker.condemn(breach.text, breach);
      return;
    }
    const reason = this.#recycling.memoryReason(rssBytes);
    if (reason !== undefined) this.#renew(tenancy, reason, SHORT_LIFE_MS);
  }

  onWorn(worker: Worker): void {
    const tenancy = this.#tenancies.get(worker);
    const { maxCalls } = this.#recycling;
    if (tenancy !== undefined) this.#renew(tenancy, `it may take ${maxCalls} calls`, 0);
  }

  onSilent(worker: Worker, missed: number, silentMs: number): void {
    const silence = `it did not answer ${missed} heartbeats, for ${Math.round(silentMs)} ms`;
    const properties = { workerId: worker.id, pid: worker.pid, silence };
    if (this.#options.heartbeat.dependent) {
      this.#log.error("killing {workerId}: {silence}", properties);
      worker.condemn(`was killed: ${silence}`);
    } else this.#log.warn("{workerId} seems to be frozen: {silence}", properties);
  }

  onHeard(worker: Worker): void {
    this.#log.info("{workerId} answers heartbeats again", { workerId: worker.id });
  }

  /** Keeps one place filled: start, serve, die, and again. */
  async #keep(id: string): Promise<void> {
    const { signal } = this.#stopping;
    // Of this place alone: that another worker answers is no reason to try this one without a pause.
    const starts = new StartBackoff();
    let hasTried = false;
    for (let attempt = 1; !signal.aborted; attempt++) {
      await delay(Math.max(starts.pauseMs, this.quarantine.pauseMs(id)), signal);
      if (signal.aborted) return;
      if (attempt > 1) this.#restarts++;
      const worker = this.#hire(id);
      const failure = await this.#start(worker);
      const isOwn = failure === undefined || !failure.signalled || worker.stopRequested;
      const isFirst: boolean = !hasTried && (isOwn || starts.failures > 0);
      hasTried ||= isFirst;
      let tenancy: Slot | undefined;
      if (failure === undefined) tenancy = this.#settle(worker, starts);
      else if (!this.isStopping && !worker.stopRequested) {
        starts.failed(failure);
        this.health.failed(failure.reason, failure);
      }
      if (isFirst) this.#attempted();
      while (tenancy !== undefined) tenancy = await tenancy.handedOn;
    }
  }

  #attempted(): void {
    this.health.attempted();
    if (this.health.hasTriedAll) this.#triedAll.resolve();
  }

  #hire(id: string): Worker {
    const incarnation = `${id}.${crypto.randomUUID()}`;
    const { limits } = this.#options;
    const { maxCalls, renewAtCall } = this.#recycling;
    const { alarms } = this.#deps;
    const worker = new Worker({ id, incarnation, alarms, limits, maxCalls, renewAtCall }, this);
    this.#workers.add(worker);
    return worker;
  }

  /** Resolves when it is ready, or with what stood in the way. */
  async #start(worker: Worker): Promise<StartFailure | undefined> {
    try {
      await this.#gate.enter(() => worker.start(this.#deps.launcher, this.#stopping.signal));
    } catch (error) {
      this.#workers.delete(worker);
      if (!this.isStopping && !worker.stopRequested) {
        // Each line is an entry of its own: within one, its breaks would be escaped.
        for (const problem of messageOf(error).split("\n")) {
          this.#log.error("{problem}", { problem, workerId: worker.id });
        }
      }
      return { reason: messageOf(error), signalled: WorkerStartError.isSignalled(error) };
    }
    this.#log.info("{workerId} is ready", { workerId: worker.id, pid: worker.pid });
    return undefined;
  }

  /** A worker that is ready takes a place, perhaps that of another one. */
  #settle(worker: Worker, starts: StartBackoff, predecessor?: Worker): Slot {
    const { alarms } = this.#deps;
    const tenancy = new Slot(worker, starts, (exit) => {
      alarms.clear(tenancy);
      this.#heartbeat.remove(worker);
      this.#tenancies.delete(worker);
      this.#bury(worker, starts, exit);
    });
    this.#tenancies.set(worker, tenancy);
    // It slipped through while the pool, or the worker itself, was told to stop.
    const isStopping = this.isStopping || worker.stopRequested;
    if (isStopping || worker.leavingFor !== undefined) {
      if (predecessor !== undefined) this.#events.onLost(predecessor);
      if (isStopping) void worker.stop(this.#options);
      else this.#letGo(tenancy);
    } else {
      this.#events.onReady(worker, predecessor);
      this.health.served();
      this.#heartbeat.add(worker);
      const lifeMs = this.#recycling.lifeMs();
      tenancy.onAlarm = (): void => this.#renew(tenancy, "it has reached its age", SHORT_LIFE_MS);
      if (lifeMs !== undefined) alarms.set(tenancy, alarms.now + lifeMs);
    }
    return tenancy;
  }

  /** Has a successor take over, unless that is under way. One that has served less than `shortMs` keeps its place a while. */
  #renew(tenancy: Slot, reason: string, shortMs: number): void {
    if (this.isStopping || tenancy.isPassing) return;
    const { worker, renewals } = tenancy;
    this.#log.info("replacing {workerId}: {reason}", { workerId: worker.id, reason });
    if (worker.servedMs < shortMs) renewals.failed();
    else renewals.reset();
    tenancy.pass(this.#succeed(tenancy, renewals.pauseMs));
  }

  /** Starts successors until one takes over, or there is nothing to take over any more. */
  async #succeed(tenancy: Slot, pauseMs: number): Promise<Slot | undefined> {
    const { worker, starts } = tenancy;
    const pauses = new StartBackoff();
    const over = AbortSignal.any([this.#stopping.signal, tenancy.ended]);
    await delay(pauseMs, over);
    while (!over.aborted) {
      const heir = await this.#successions.enter(() => this.#startHeir(worker, over, pauses));
      if (heir !== undefined) {
        this.#restarts++;
        this.#recycled++;
        const successor = this.#settle(heir, starts, worker);
        successor.renewals = tenancy.renewals;
        void worker.stop({ ...this.#options, patient: true });
        return successor;
      }
      worker.reprieve();
      this.#events.onReprieved(worker);
      await delay(pauses.pauseMs, over);
    }
    return undefined;
  }

  async #startHeir(
    { id }: Worker,
    over: AbortSignal,
    pauses: StartBackoff,
  ): Promise<Worker | undefined> {
    if (over.aborted) return undefined;
    const heir = this.#hire(id);
    const failure = await this.#start(heir);
    if (failure === undefined) return heir;
    pauses.failed(failure);
    return undefined;
  }

  /** Fills the place of a worker that was asked to end from outside, while that worker finishes. */
  #letGo(tenancy: Slot): void {
    const { worker, starts } = tenancy;
    const reason = `somebody has told it to end by ${worker.leavingFor}`;
    this.#log.warn("{workerId} leaves: {reason}", { workerId: worker.id, reason });
    this.#judge(worker, starts, `Worker ${worker.id} left: ${reason}`, true);
    this.#events.onLost(worker);
    tenancy.vacate();
    void worker.stop({ ...this.#options, patient: true });
  }

  /** Counts what the end of a worker says about the next one. */
  #judge(worker: Worker, starts: StartBackoff, reason: string, signalled: boolean): void {
    if (hasProvedItself(worker)) {
      starts.reset();
      this.health.proved();
    } else {
      starts.failed({ signalled });
      this.health.failed(reason, { signalled });
    }
  }

  #bury(worker: Worker, starts: StartBackoff, exit: WorkerExit): void {
    this.#workers.delete(worker);
    if (!worker.stopRequested) {
      const { kind } = worker.crashOf(exit);
      // A tool that takes its worker along says nothing about the next worker.
      if (worker.remains.lost.length === 0) {
        const reason = worker.crashError(exit, "its work").message;
        this.#judge(worker, starts, reason, isSignalled(kind));
      } else if (worker.answered > 0) starts.reset();
      this.#log.warn("{workerId} died: {how}", {
        workerId: worker.id,
        how: describeExit(exit),
        crash: kind,
      });
      if (isOwnDoing(kind) && this.quarantine.crashed(worker.id)) {
        const pauseMs = this.quarantine.pauseMs(worker.id);
        this.#log.warn("{workerId} is not replaced for {pauseMs} ms: its workers crash too often", {
          workerId: worker.id,
          pauseMs,
        });
      }
    }
    this.#events.onGone(worker, exit);
  }
}
