import type {
  PoolDevices,
  QuarantinedSlot,
  ScaleLimits,
  Supervisor,
  UnhealthyDevice,
} from "./supervision/mod.ts";
import type { Worker } from "./workers/mod.ts";

/** The half of a pool that is about its workers, and knows nothing of calls. */
export abstract class SupervisedPool {
  protected abstract readonly supervisor: Supervisor;

  /** Throws the error with which the pool refuses any use, once it stops. */
  protected abstract assertOpen(): void;

  /** The most workers that it may have now. */
  get size(): number {
    return this.limits.max;
  }

  /** The number of workers that it keeps. */
  get limits(): ScaleLimits {
    return this.supervisor.scaling.limits;
  }

  /** True if the number of its workers depends on the work. */
  get isElastic(): boolean {
    return this.supervisor.scaling.isElastic;
  }

  /** The number of workers that it has, starts, or still ends. */
  get occupied(): number {
    return this.supervisor.scaling.occupied;
  }

  /** The number of workers that it keeps or starts: without those that end. */
  get wanted(): number {
    return this.supervisor.scaling.wanted;
  }

  /**
   * Lets one worker above `min` end for the sake of another pool: an idle one or one that starts,
   * else one that finishes its calls before, if it may be busy. Returns false if none may end.
   */
  yieldWorker(options: { readonly mayBeBusy: boolean }): boolean {
    return this.supervisor.scaling.yield(options);
  }

  /** True while it has no worker and starts none, since nothing is to do. */
  get isAtRest(): boolean {
    return this.supervisor.scaling.isAtRest;
  }

  /** The unhealthy devices for which all its slots wait; none if it has, or gets, a worker. */
  get heldUpBy(): readonly UnhealthyDevice[] {
    return this.supervisor.heldUpBy;
  }

  /** The devices that its workers are given. */
  get devices(): Pick<PoolDevices, "assigned" | "ids" | "unhealthy"> {
    return this.supervisor.devices;
  }

  /** The number of starts that failed in a row. */
  get failures(): number {
    return this.supervisor.health.failures;
  }

  /** The slots that stay empty for a while because their workers crashed too often. */
  get tainted(): readonly QuarantinedSlot[] {
    return this.supervisor.quarantine.slots;
  }

  get workers(): readonly Worker[] {
    return this.supervisor.workers;
  }

  /** The workers that take calls or run one. */
  get serving(): readonly Worker[] {
    return this.supervisor.servingAll;
  }

  /**
   * Ends the idle workers beyond `min` and `spare`, however short they have been idle, but none
   * that has strict sessions or registered tools. Returns their ids; they end soon.
   */
  cleanIdle(): readonly string[] {
    return this.supervisor.scaling.clean();
  }

  /**
   * Starts so many more workers, up to `max`, before calls need them; -1 for as many as there may
   * be. They end as others do when they are idle. Resolves with the ids of those that are ready,
   * once each was tried.
   *
   * @throws {SnakedenError} `invalid_input`, `shutting_down`.
   */
  async startAhead(count: number): Promise<readonly string[]> {
    this.assertOpen();
    return await this.supervisor.scaling.ahead(count);
  }
}
