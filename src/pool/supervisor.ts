import type { Log } from "../bridge/mod.ts";
import { messageOf, SnakedenError, type WorkerExit } from "../errors.ts";
import { getLogger } from "../log.ts";
import { delay } from "./bounded_wait.ts";
import type { Deadlines } from "./deadlines.ts";
import { Gate } from "./gate.ts";
import type { Launcher } from "./launcher.ts";
import { RestartPolicy } from "./restart_policy.ts";
import { type TaintOptions, Taints } from "./taints.ts";
import { type StopOptions, Worker, type WorkerListener } from "./worker.ts";
import { describeExit } from "./worker_process.ts";

/** How a set of workers is kept. */
export interface SupervisorOptions extends StopOptions, TaintOptions {
  /** Name of the pool; the workers are `name-1`, `name-2`, ... */
  readonly name: string;
  readonly size: number;
  /** Workers that may be starting at a time. */
  readonly startConcurrency: number;
}

/** What the pool is told. */
export interface SupervisorEvents {
  /** A worker takes calls from now on. */
  onReady(worker: Worker): void;
  /** A worker takes no more calls. */
  onLost(worker: Worker): void;
  /** A worker is dead. What it had in flight is in {@link Worker.remains}. */
  onGone(worker: Worker, exit: WorkerExit): void;
  /** A worker could not be started. */
  onStartFailed(): void;
}

/** What a set of workers is kept with. */
export interface SupervisorDeps {
  readonly launcher: Launcher;
  /** Where workers look after the calls that they run. */
  readonly alarms: Deadlines;
}

/** Keeps a fixed number of places filled with workers, one loop a place, until it is stopped. */
export class Supervisor implements WorkerListener {
  readonly policy: RestartPolicy;
  readonly taints: Taints;
  readonly #options: SupervisorOptions;
  readonly #deps: SupervisorDeps;
  readonly #events: SupervisorEvents;
  readonly #log = getLogger("pool");
  readonly #workerLog = getLogger("worker");
  readonly #workers = new Map<string, Worker>();
  readonly #gate: Gate;
  readonly #stopping = new AbortController();
  #places: readonly Promise<void>[] = [];
  #firstAttempts = 0;
  #restarts = 0;

  constructor(options: SupervisorOptions, deps: SupervisorDeps, events: SupervisorEvents) {
    this.#options = options;
    this.#deps = deps;
    this.#events = events;
    this.#gate = new Gate(options.startConcurrency);
    this.policy = new RestartPolicy(options.size);
    this.taints = new Taints(options, () => deps.alarms.now);
  }

  /** Those that start, serve, or are being stopped. */
  get workers(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  /** Those that take calls or run one. */
  get servingAll(): readonly Worker[] {
    return this.workers.filter(({ state }) => state === "ready" || state === "busy");
  }

  /** Workers started in the place of others. */
  get restarts(): number {
    return this.#restarts;
  }

  /** True when each place has tried to start its first worker. */
  get hasTriedAll(): boolean {
    return this.#firstAttempts >= this.#options.size;
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Fills the places; returns at once. */
  start(): void {
    if (this.#places.length > 0 || this.isStopping) return;
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
  }

  /** Closes, and ends all workers. Complete when it resolves. */
  async stop(drainMs: number): Promise<void> {
    this.close();
    const { killGraceMs } = this.#options;
    await Promise.allSettled(this.workers.map((worker) => worker.stop({ drainMs, killGraceMs })));
    await Promise.allSettled(this.#places);
  }

  onLine(worker: Worker, line: string, from: "stdout" | "stderr"): void {
    this.#workerLog.info("{line}", { workerId: worker.id, from, line });
  }

  onLog(worker: Worker, { level, logger, message, callId, dropped }: Log): void {
    const properties = {
      workerId: worker.id,
      logger,
      text: message,
      ...(callId === 0 ? {} : { callId }),
      ...(dropped === 0 ? {} : { dropped }),
    };
    if (level >= 40) this.#workerLog.error("{text}", properties);
    else if (level >= 30) this.#workerLog.warn("{text}", properties);
    else if (level >= 20) this.#workerLog.info("{text}", properties);
    else this.#workerLog.debug("{text}", properties);
  }

  onLost(worker: Worker): void {
    this.#events.onLost(worker);
  }

  /** Keeps one place filled: start, serve, die, and again. */
  async #keep(id: string): Promise<void> {
    const { signal } = this.#stopping;
    // Of this place alone: that another worker answers is no reason to try this one without a pause.
    const policy = new RestartPolicy(1);
    for (let attempt = 1; !signal.aborted; attempt++) {
      await delay(Math.max(policy.pauseMs, this.taints.pauseMs(id)), signal);
      if (signal.aborted) return;
      if (attempt > 1) this.#restarts++;
      const incarnation = `${id}.${crypto.randomUUID()}`;
      const worker = new Worker({ id, incarnation, alarms: this.#deps.alarms }, this);
      this.#workers.set(id, worker);
      const started = await this.#start(worker, policy, attempt === 1);
      if (started) this.#bury(worker, policy, await worker.died());
    }
  }

  async #start(worker: Worker, policy: RestartPolicy, first: boolean): Promise<boolean> {
    try {
      await this.#gate.enter(() => worker.start(this.#deps.launcher, this.#stopping.signal));
    } catch (error) {
      this.#workers.delete(worker.id);
      if (first) this.#firstAttempts++;
      if (!this.isStopping && !worker.stopRequested) {
        policy.startFailed(messageOf(error));
        this.policy.startFailed(messageOf(error));
        this.#log.error("{problem}", { problem: messageOf(error), workerId: worker.id });
      }
      this.#events.onStartFailed();
      return false;
    }
    if (first) this.#firstAttempts++;
    this.#log.info("{workerId} is ready", { workerId: worker.id, pid: worker.pid });
    // It slipped through while the pool began to stop.
    if (this.isStopping) void worker.stop(this.#options);
    else this.#events.onReady(worker);
    return true;
  }

  #bury(worker: Worker, policy: RestartPolicy, exit: WorkerExit): void {
    this.#workers.delete(worker.id);
    if (!worker.stopRequested) {
      const { lost, unstarted } = worker.remains;
      const answered = worker.calls - lost.length - unstarted.length;
      // A tool that takes its worker along says nothing about the next worker.
      if (lost.length === 0) {
        const reason = worker.crashError(exit, "its work").message;
        const life = { servedMs: worker.servedMs, answered };
        policy.died(reason, life);
        this.policy.died(reason, life);
      } else if (answered > 0) policy.proved();
      this.#log.warn("{workerId} died: {how}", {
        workerId: worker.id,
        how: describeExit(exit),
        crash: worker.crashOf(exit).kind,
      });
      if (this.taints.crashed(worker.id)) {
        const pauseMs = this.taints.pauseMs(worker.id);
        this.#log.warn("{workerId} is not replaced for {pauseMs} ms: its workers crash too often", {
          workerId: worker.id,
          pauseMs,
        });
      }
    }
    this.#events.onGone(worker, exit);
  }
}
