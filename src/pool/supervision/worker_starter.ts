import { type Alarms, Semaphore } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import type { Place } from "../../hardware/mod.ts";
import { CONTINUATION, getLogger } from "../../log.ts";
import {
  type Profile,
  type ProfileName,
  profileOf,
  type ProfileSettings,
} from "../profiles/mod.ts";
import {
  DeviceUseWatch,
  type Launcher,
  Worker,
  type WorkerLimits,
  type WorkerListener,
  WorkerStartError,
} from "../workers/mod.ts";
import type { RecyclePolicy } from "./recycle_policy.ts";

/** The fixed properties of a slot, which each of its workers has. */
export interface SlotIdentity {
  /** The id of its workers, such as `default-3`. */
  readonly id: string;
  /** The device of its workers; undefined if the pool assigns none. */
  readonly place: Place | undefined;
}

/** The reason why a worker did not become ready. */
export interface StartFailure {
  readonly reason: string;
  /** True if the kernel or another process has ended the worker by a signal. */
  readonly signalled: boolean;
}

/** The result of a start. */
export interface Start {
  readonly worker: Worker;
  /** The obstacle; undefined if the worker is ready. */
  readonly failure: StartFailure | undefined;
}

/** Dependencies and options of a {@link WorkerStarter}. */
export interface WorkerStarterOptions extends ProfileSettings {
  readonly launcher: Launcher;
  readonly alarms: Alarms;
  readonly callPrefix?: string;
  readonly profile: ProfileName;
  readonly limits: WorkerLimits;
  readonly recycling: RecyclePolicy;
  readonly startConcurrency: number;
  readonly listener: WorkerListener<Worker>;
  /** Aborts starts that are under way. */
  readonly stopping: AbortSignal;
  /** See `SupervisorEvents.onStartFailed()`. */
  onFailed(worker: Worker, reason: string): boolean;
}

/** Creates workers and starts them, `startConcurrency` at a time, and knows all that exist. */
export class WorkerStarter {
  readonly #options: WorkerStarterOptions;
  readonly #log = getLogger("pool");
  readonly #turns: Semaphore;
  readonly #workers = new Set<Worker>();
  readonly #profile: Profile;
  readonly #deviceUses = new DeviceUseWatch();
  #created = 0;
  #startMs: number | undefined;
  /** True makes the log leave out which workers are ready, unless it is at `debug`. */
  isQuiet = false;

  constructor(options: WorkerStarterOptions) {
    this.#options = options;
    this.#profile = profileOf(options);
    this.#turns = new Semaphore(options.startConcurrency);
    // Each call has a worker of its own.
    this.isQuiet = options.recycling.isIsolated;
  }

  /** The workers that start, serve, or are being stopped. */
  get workers(): readonly Worker[] {
    return [...this.#workers];
  }

  /** The number of workers created so far, and the {@link Worker.order} of the next one. */
  get created(): number {
    return this.#created;
  }

  /** The time that starts have taken lately, on average; undefined before the first. */
  get startMs(): number | undefined {
    return this.#startMs;
  }

  /** Forgets a worker that has exited. */
  forget(worker: Worker): void {
    this.#workers.delete(worker);
  }

  /** Resolves when a new worker is ready, or could not be started. */
  async start(slot: SlotIdentity): Promise<Start> {
    const worker = this.#create(slot);
    const { launcher, stopping, alarms } = this.#options;
    this.#workers.add(worker);
    try {
      await this.#turns.enter(async () => {
        const { now } = alarms;
        await worker.start(launcher, stopping);
        this.#startMs = averaged(this.#startMs, alarms.now - now);
      });
    } catch (error) {
      this.forget(worker);
      if (!stopping.aborted && !worker.stopRequested) this.#failed(worker, messageOf(error));
      const failure = { reason: messageOf(error), signalled: WorkerStartError.isSignalled(error) };
      return { worker, failure };
    }
    const device = slot.place?.device.id;
    const text = device === undefined ? "{workerId} is ready" : "{workerId} is ready on {device}";
    const properties = { workerId: worker.id, device, pid: worker.pid };
    this.#log[this.isQuiet ? "debug" : "info"](text, properties);
    this.#deviceUses.check(worker);
    return { worker, failure: undefined };
  }

  #create({ id, place }: SlotIdentity): Worker {
    const { alarms, limits, recycling, listener, callPrefix } = this.#options;
    const profile = this.#profile;
    const { maxCalls, renewAtCall } = recycling;
    return new Worker(
      {
        id,
        incarnation: `${id}.${crypto.randomUUID()}`,
        place,
        callPrefix,
        order: this.#created++,
        alarms,
        profile,
        limits,
        maxCalls,
        renewAtCall,
      },
      listener,
    );
  }

  #failed(worker: Worker, reason: string): void {
    const level = this.#options.onFailed(worker, reason) ? "error" : "debug";
    // Each line is a log entry of its own, since line breaks within an entry are escaped.
    const [problem, ...lines] = reason.split("\n");
    this.#log[level]("{problem}", {
      problem,
      workerId: worker.id,
      device: worker.place?.device.id,
    });
    for (const continuation of lines) this.#log[level](CONTINUATION, { continuation });
  }
}

/** The weight of a new start in the average. */
const WEIGHT = 0.3;

function averaged(average: number | undefined, value: number): number {
  return average === undefined ? value : average + WEIGHT * (value - average);
}
