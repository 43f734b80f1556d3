import type { WorkerExit } from "../errors.ts";
import type { PoolCode } from "./code/mod.ts";
import type { CrashPolicy } from "./crashes/mod.ts";
import type { Dispatcher } from "./dispatch/mod.ts";
import type { PoolLifecycle } from "./pool_state.ts";
import type { Supervisor, SupervisorEvents } from "./supervision/mod.ts";
import type { Worker } from "./workers/mod.ts";

/** The parts of a pool that hear of its workers. */
export interface WorkerEventsDeps {
  readonly dispatcher: Dispatcher;
  readonly lifecycle: PoolLifecycle;
  readonly code: PoolCode;
  readonly crashes: CrashPolicy;
  /** True if each call has a worker of its own. */
  readonly isIsolated: boolean;
  /** The current time on the clock of the pool. */
  now(): number;
  /** Created after this. */
  supervisor(): Supervisor;
}

/** Passes what happens to the workers of a pool on to its parts, and sets the state of the pool. */
export class WorkerEvents implements SupervisorEvents {
  readonly #deps: WorkerEventsDeps;

  constructor(deps: WorkerEventsDeps) {
    this.#deps = deps;
  }

  onReady(worker: Worker, predecessor?: Worker): void {
    const { dispatcher, lifecycle, code } = this.#deps;
    const now = this.#deps.now();
    if (predecessor !== undefined) dispatcher.leave(predecessor, now);
    dispatcher.join(worker, now);
    lifecycle.transition("ready");
    code.ready(worker, { isNewest: this.#deps.supervisor().hasNewestCode(worker) });
  }

  onStartFailed(worker: Worker, reason: string): boolean {
    const { code, dispatcher } = this.#deps;
    return code.failed(worker, {
      reason,
      isNewest: this.#deps.supervisor().hasNewestCode(worker),
      isServing: dispatcher.isServing,
    });
  }

  onLost(worker: Worker): void {
    const { dispatcher, lifecycle } = this.#deps;
    dispatcher.leave(worker, this.#deps.now());
    if (worker.state !== "gone") this.assess();
    // An answer that proves the pool may still be in the stream, so it is onExit() that assesses.
    else if (lifecycle.state === "ready" && !dispatcher.isServing) {
      lifecycle.transition(this.#unserved);
    }
  }

  onExit(worker: Worker, exit: WorkerExit): void {
    const { dispatcher, crashes } = this.#deps;
    // First: calls that wait for this worker alone end because of it, not of the pool's health.
    dispatcher.exited(worker, exit, this.#deps.now());
    this.assess();
    const { lost, unstarted } = worker.inFlightAtExit;
    for (const attempt of [...lost, ...unstarted]) attempt.end();
    const flight = {
      worker,
      exit,
      lost: lost.map(({ call }) => call),
      unstarted: unstarted.map(({ call }) => call),
    };
    for (const judgement of crashes.judge(flight)) dispatcher.carryOut(judgement);
  }

  onImported(path: string): void {
    this.#deps.code.imported(path);
  }

  onCallLimitLifted(worker: Worker): void {
    this.#deps.dispatcher.rejoin(worker, this.#deps.now());
  }

  onHealth(): void {
    this.assess();
    this.#deps.dispatcher.room.onIdle?.();
  }

  /** Updates the state by the health of the pool if no worker serves. */
  assess(): void {
    const { dispatcher, lifecycle } = this.#deps;
    if (dispatcher.isServing || !lifecycle.isOpen) return;
    const { health, heldUpBy } = this.#deps.supervisor();
    const isUnhealthy = health.isUnhealthy || heldUpBy.length > 0;
    lifecycle.transition(isUnhealthy ? "unhealthy" : this.#unserved);
  }

  /** Called when a worker has answered, which proves that it works. */
  answered(worker: Worker): void {
    const supervisor = this.#deps.supervisor();
    const { health, devices } = supervisor;
    if (health.isInDoubt) health.proved();
    devices.answered(worker);
    if (worker.isSpent && this.#deps.isIsolated) supervisor.spent(worker);
  }

  /** The state without a worker and without a reason to despair. */
  get #unserved(): "ready" | "starting" {
    return this.#deps.supervisor().scaling.mayRest ? "ready" : "starting";
  }
}
