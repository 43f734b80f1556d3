import { LoneAlarm, settlesWithin } from "../../async/mod.ts";
import { SnakedenError, type WorkerExit } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { Worker } from "../workers/mod.ts";
import { CodeTurnover } from "./code_turnover.ts";
import { PoolDevices, startingPlaces, type UnhealthyDevice } from "./devices/mod.ts";
import { hasProvedItself, PoolHealth, Quarantine } from "./health/mod.ts";
import { FrozenWorkers, Heartbeat } from "./heartbeat.ts";
import { Occupancy } from "./occupancy.ts";
import { Pauses } from "./pauses.ts";
import { PostMortem } from "./post_mortem.ts";
import { RecyclePolicy, type ReplaceCause } from "./recycle_policy.ts";
import { ReplacePolicy } from "./replace_policy.ts";
import { Scaling } from "./scaling/mod.ts";
import type { Slot } from "./slot.ts";
import { SlotSet } from "./slot_set.ts";
import { Succession } from "./succession.ts";
import type { SupervisorDeps, SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";
import { WorkerStarter } from "./worker_starter.ts";
import { WorkerWatch } from "./worker_watch.ts";

/** Default of `reapMs`. */
const REAP_MS = 5_000;

/**
 * Keeps the slots of a pool filled until it is stopped, and decides when each worker is replaced.
 * The {@link Scaling} decides how many slots are to be filled.
 *
 * A worker that has exited is replaced by its {@link Slot}. A live worker that is to be replaced
 * goes through the {@link Succession}. A worker that was asked to end from outside the host takes
 * no more calls and is dismissed: its slot is filled while the worker finishes, or once it has
 * exited, as the {@link ReplacePolicy} says.
 *
 * After a change of the code ({@link Supervisor.reload}), one successor tries it out. If the
 * successor cannot start, all other workers go on; see {@link CodeTurnover}.
 */
export class Supervisor {
  readonly health: PoolHealth;
  readonly quarantine: Quarantine;
  readonly devices: PoolDevices;
  readonly scaling: Scaling<Slot>;
  readonly #options: SupervisorOptions;
  readonly #deps: SupervisorDeps;
  readonly #events: SupervisorEvents;
  readonly #log = getLogger("pool");
  readonly #heartbeat: Heartbeat<Worker>;
  readonly #pauses = new Pauses();
  readonly #recycling: RecyclePolicy;
  readonly #replacing: ReplacePolicy;
  readonly #postMortem: PostMortem;
  readonly #starter: WorkerStarter;
  readonly #succession: Succession;
  readonly #turnover: CodeTurnover;
  readonly #slots: SlotSet;
  readonly #occupancies = new Map<Worker, Occupancy>();
  readonly #stopping = new AbortController();
  readonly #triedAll = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions, deps: SupervisorDeps, events: SupervisorEvents) {
    this.#options = options;
    this.#deps = deps;
    this.#events = events;
    const { signal: stopping } = this.#stopping;
    const { size, min = size } = options;
    this.health = new PoolHealth(min, () => events.onHealth());
    this.quarantine = new Quarantine(options, () => deps.alarms.now);
    this.devices = new PoolDevices(options, {
      ...deps,
      startingAt: () => startingPlaces(this.#slots.all.filter((it) => it.isWanted), this.workers),
      onChange: () => this.#onDevices(),
    });
    this.#recycling = new RecyclePolicy(options.recycle);
    const { heartbeat, replace: order = "auto" } = options;
    this.#replacing = new ReplacePolicy({ ...deps, order, devices: this.devices });
    this.#heartbeat = new Heartbeat(heartbeat, deps.clock, new FrozenWorkers(heartbeat));
    this.#postMortem = new PostMortem(this.health, this.quarantine, this.devices);
    this.#starter = new WorkerStarter({
      ...options,
      ...deps,
      recycling: this.#recycling,
      listener: new WorkerWatch({
        limits: options.limits,
        recycling: this.#recycling,
        occupancyOf: (worker) => this.#occupancies.get(worker),
        succeed: (occupancy, cause, how) => this.#succession.begin(occupancy, cause, how),
        leaves: (occupancy) => this.#leaves(occupancy),
        onLost: (worker) => events.onLost(worker),
        onImported: (path) => events.onImported(path),
      }),
      stopping,
      onFailed: (worker, reason) => events.onStartFailed(worker, reason),
    });
    this.#succession = new Succession({
      starter: this.#starter,
      devices: this.devices,
      policy: this.#replacing,
      stopOptions: options,
      pauses: this.#pauses,
      stopping,
      occupy: (slot, successor, predecessor) => this.#occupy(slot, successor, predecessor),
      retire: (occupancy) => this.#retire(occupancy),
      onNoSuccessor: (worker) => {
        worker.liftCallLimit();
        events.onCallLimitLifted(worker);
      },
    });
    this.#turnover = new CodeTurnover({
      cause: this.#recycling.codeCause,
      occupancies: () => this.#occupancies.values(),
      succeed: (it) =>
        this.#succession.begin(it, this.#recycling.codeCause, { wears: false, isQuiet: true }),
      dismiss: (it) => this.#dismiss(it),
    });
    this.#slots = new SlotSet(options, {
      starter: this.#starter,
      health: this.health,
      quarantine: this.quarantine,
      devices: this.devices,
      pauses: this.#pauses,
      stopping,
      serve: (slot, worker) => this.#serve(slot, worker),
      onHeldUp: () => this.#onDevices(),
      onFirstAttempt: () => this.#attempted(),
      isNeeded: (slot, attempt) => this.scaling.isNeeded(slot, attempt),
      onChange: (slot) => this.scaling.changed(slot),
    });
    this.scaling = new Scaling(options, {
      ...deps,
      slots: this.#slots,
      startMs: () => this.#starter.startMs,
      occupancyOf: (worker) => this.#occupancies.get(worker),
      holderOf: (slot) => this.#holderOf(slot),
      end: (slot) => this.#endSlot(slot),
      onWanted: (count) => this.#onWanted(count),
    });
  }

  /** The workers that start, serve, or are being stopped. */
  get workers(): readonly Worker[] {
    return this.#starter.workers;
  }

  /** The workers that take calls or run one. */
  get servingAll(): readonly Worker[] {
    return this.workers.filter(({ state }) => state === "ready" || state === "busy");
  }

  /** The unhealthy devices for which all slots wait; none if any slot does not wait for one. */
  get heldUpBy(): readonly UnhealthyDevice[] {
    return this.#slots.areHeldUp ? this.devices.unhealthy : [];
  }

  /** The workers started to replace others, and those of them that replaced live ones. */
  get counts(): { readonly restarts: number; readonly recycled: number } {
    const { handedOver, completed } = this.#succession;
    const recycled = completed + this.#turnover.outdated;
    return { restarts: this.#slots.restarts + handedOver, recycled };
  }

  /** Returns true if a worker was created after the last change of the code. */
  hasNewestCode(worker: Worker): boolean {
    return this.#turnover.hasNewestCode(worker);
  }

  /**
   * Fills the first slots. Resolves when each has tried to start a worker, successfully or not, or
   * when the supervisor is closed.
   */
  async start(): Promise<void> {
    if (!this.scaling.isOpen && !this.#isStopping) {
      this.scaling.start();
      if (this.scaling.isAtRest) this.#triedAll.resolve();
    }
    await this.#triedAll.promise;
  }

  /** Stops filling slots, and gives up starts that are under way. */
  close(): void {
    const { name } = this.#options;
    this.#stopping.abort(
      new SnakedenError("shutting_down", `The pool ${name} is stopping`, { retryable: true }),
    );
    this.scaling.close();
    this.devices.close();
    this.#triedAll.resolve();
  }

  /** Closes, and ends all workers, within a bounded time: what cannot be killed is left. */
  async stop(drainMs: number): Promise<void> {
    this.close();
    const { name, killGraceMs, reapMs = REAP_MS } = this.#options;
    const ended = Promise.allSettled([
      ...this.workers.map((worker) => worker.stop({ drainMs, killGraceMs })),
      ...[...this.#occupancies.values()].map((it) => it.exited),
      this.#slots.rested(),
    ]);
    if (!await settlesWithin(ended, drainMs + killGraceMs + reapMs)) {
      const pids = this.workers.map((it) => it.pid);
      this.#log.error("the pool {pool} cannot end some workers: {pids}", { pool: name, pids });
    }
    this.#heartbeat[Symbol.dispose]();
  }

  /**
   * Replaces a worker, which finishes its calls, however long that takes. Resolves when it is gone;
   * its successor is ready then, or starts if the worker had to end first. The start of a worker
   * that is not ready yet is given up, and another one is started.
   */
  async replace(worker: Worker, cause: ReplaceCause): Promise<void> {
    const occupancy = this.#occupancies.get(worker);
    if (occupancy === undefined || this.#isStopping) return await worker.stop(this.#options);
    if (!this.scaling.dispense(occupancy, cause)) {
      this.#succession.begin(occupancy, cause, { wears: false });
    }
    await occupancy.exited;
  }

  /** Kills a worker, whose calls fail, or gives up its start. Resolves when it is gone. */
  async kill(worker: Worker): Promise<void> {
    if (worker.state === "starting") return await worker.stop(this.#options);
    worker.kill("was killed: it was asked to stop at once");
    await this.#occupancies.get(worker)?.exited;
  }

  /** Lets a worker end that has run all its calls. Its slot is filled at once. */
  spent(worker: Worker): void {
    const occupancy = this.#occupancies.get(worker);
    if (occupancy?.isEnding === false) this.#dismiss(occupancy);
  }

  /**
   * Replaces workers one after the other. Stops between two workers if `signal` aborts or the
   * supervisor is stopped.
   */
  async roll(workers: readonly Worker[], cause: ReplaceCause, signal?: AbortSignal): Promise<void> {
    const replacements: Promise<void>[] = [];
    for (const worker of workers) {
      if (signal?.aborted || this.#isStopping) return;
      // A worker that has exited meanwhile has been replaced.
      if (!this.#occupancies.has(worker)) continue;
      const replacement = this.replace(worker, cause);
      replacements.push(replacement);
      // It may serve on for long, but workers on other devices need not.
      await this.devices.unlessUnhealthy(worker.place, replacement);
    }
    await Promise.all(replacements);
  }

  /**
   * Replaces all workers, since their code has changed; see {@link Supervisor}. Workers that are
   * starting may have read the old code, so they are started again.
   */
  reload(): void {
    if (this.#isStopping) return;
    this.#turnover.changed(this.#starter.created);
    this.#starter.isQuiet = true;
    this.startAfresh();
    this.#turnover.tryOut();
  }

  /**
   * Gives up the starts that are under way, forgets earlier failures, and ends all pauses. Every
   * slot without a worker is then filled at once.
   */
  startAfresh(): void {
    for (const worker of this.workers) {
      if (worker.state === "starting") void worker.stop(this.#options);
    }
    this.quarantine.clear();
    this.devices.clear();
    this.#forgetFailures();
    this.#succession.startAfresh();
    this.#pauses.end();
  }

  // ---- the life of a worker ----

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Called when slots may have begun or ceased to wait for their devices. */
  #onDevices(): void {
    for (const slot of this.#slots.all) if (slot.isHeldUp) this.#succession.heldUp(slot);
    this.#events.onHealth();
  }

  /** Returns the worker in a slot that was not told to end; undefined if there is none. */
  #holderOf(slot: Slot): Occupancy | undefined {
    return [...this.#occupancies.values()]
      .findLast((it) => it.slot === slot && !it.worker.stopRequested);
  }

  /** Lets a slot come to rest with its worker, and gives up a start in it. */
  #endSlot(slot: Slot): void {
    slot.rest();
    const occupancy = this.#holderOf(slot);
    if (occupancy !== undefined) this.#retire(occupancy);
    for (const worker of this.workers) {
      if (worker.id === slot.id && worker.state === "starting") void worker.stop(this.#options);
    }
  }

  #onWanted(count: number): void {
    this.health.size = count;
    this.quarantine.size = this.scaling.limits.max;
    // What failed before says little about the next worker, which comes when one is needed.
    if (count === 0) this.#forgetFailures();
    if (this.health.hasTriedAll) this.#triedAll.resolve();
    this.#events.onHealth();
  }

  #forgetFailures(): void {
    const asFirst = this.health.startAfresh();
    for (const slot of this.#slots.all) slot.startAfresh({ asFirst });
  }

  #attempted(): void {
    this.health.attempted();
    if (this.health.hasTriedAll) this.#triedAll.resolve();
  }

  /** Resolves when neither this worker nor a successor of it holds the slot any more. */
  async #serve(slot: Slot, worker: Worker): Promise<void> {
    let holder: Occupancy | undefined = this.#occupy(slot, worker);
    while (holder !== undefined) holder = await holder.next;
  }

  /** Puts a ready worker into a slot, which a predecessor may still hold. */
  #occupy(slot: Slot, worker: Worker, predecessor?: Worker): Occupancy {
    const occupancy = new Occupancy(slot, worker, (it, exit) => this.#onExit(it, exit));
    this.#occupancies.set(worker, occupancy);
    // The worker may become ready although it, or its pool, was asked to stop.
    const isStopping = this.#isStopping || worker.stopRequested || !slot.isWanted;
    if (isStopping || worker.leavingFor !== undefined) {
      if (predecessor !== undefined) this.#events.onLost(predecessor);
      if (isStopping) void worker.stop(this.#options);
      else this.#leaves(occupancy);
      return occupancy;
    }
    this.#events.onReady(worker, predecessor);
    this.health.served();
    this.#heartbeat.add(worker);
    this.#limitAge(occupancy);
    this.#succession.filled(slot);
    this.#turnover.ready(predecessor);
    return occupancy;
  }

  #limitAge(occupancy: Occupancy): void {
    const lifeMs = this.#recycling.lifeMs();
    if (lifeMs === undefined) return;
    const { alarms } = this.#deps;
    occupancy.ageAlarm = new LoneAlarm(() =>
      this.#succession.begin(occupancy, this.#recycling.ageCause, { wears: true })
    );
    alarms.set(occupancy.ageAlarm, alarms.now + lifeMs);
  }

  /** Dismisses a worker that was asked to end by someone else. */
  #leaves(occupancy: Occupancy): void {
    this.#postMortem.left(occupancy);
    this.#dismiss(occupancy);
  }

  /** Lets a worker end without the succession. Its slot is filled as soon as possible. */
  #dismiss(occupancy: Occupancy): void {
    occupancy.slot.renewals.reset();
    if (this.#replacing.mayOverlap(occupancy.slot.place)) occupancy.vacate();
    this.#retire(occupancy);
  }

  /** Lets a worker take no more calls, and end when it has finished its own. */
  #retire(occupancy: Occupancy): void {
    const { slot, worker } = occupancy;
    if (hasProvedItself(worker)) slot.starts.reset();
    occupancy.retire();
    this.#events.onLost(worker);
    void worker.stop({ ...this.#options, patient: true });
  }

  #onExit(occupancy: Occupancy, exit: WorkerExit): void {
    const { slot, worker, ageAlarm } = occupancy;
    if (!occupancy.isEnding) slot.renewals.reset();
    if (ageAlarm !== undefined) this.#deps.alarms.clear(ageAlarm);
    this.#heartbeat.remove(worker);
    this.#occupancies.delete(worker);
    this.#starter.forget(worker);
    this.#postMortem.exited(occupancy, exit);
    this.devices.exited(worker);
    this.#events.onExit(worker, exit);
  }
}
