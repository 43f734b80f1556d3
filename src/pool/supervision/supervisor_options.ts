import type { Alarms, Clock } from "../../async/mod.ts";
import type { WorkerExit } from "../../errors.ts";
import type { Place } from "../../hardware/mod.ts";
import type { ProfileName, ProfileSettings } from "../profiles/mod.ts";
import type { Launcher, StopOptions, Worker, WorkerLimits } from "../workers/mod.ts";
import type { DeviceDemand, DeviceHealth } from "./devices/mod.ts";
import type { HeartbeatOptions } from "./heartbeat.ts";
import type { QuarantineOptions } from "./quarantine.ts";
import type { RecycleOptions } from "./recycle_policy.ts";
import type { ReplaceOrder } from "./replace_policy.ts";

/** Options of a set of workers. */
export interface SupervisorOptions extends StopOptions, QuarantineOptions, ProfileSettings {
  /** The name of the pool. Its workers are `name-1`, `name-2`, ... */
  readonly name: string;
  /** The prefix of the ids of its calls, which workers show to tools. */
  readonly callPrefix?: string;
  readonly size: number;
  /**
   * The devices of its slots. The slot with index i has `places[i % places.length]`, for its whole
   * life. Default none.
   */
  readonly places?: readonly Place[];
  /** The way in which the workers run their calls. */
  readonly profile: ProfileName;
  /** The most workers that start at a time. */
  readonly startConcurrency: number;
  /** The heartbeats. With `dependent: false` a frozen worker is only logged. */
  readonly heartbeat: HeartbeatOptions & { readonly dependent: boolean };
  readonly recycle: RecycleOptions;
  /** The order in which a live worker is replaced. Default `auto`. */
  readonly replace?: ReplaceOrder;
  readonly limits: WorkerLimits;
  /**
   * The time to wait for killed processes to end. A process that is blocked on a broken disk never
   * ends.
   */
  readonly reapMs?: number;
}

/** Events that the pool is notified of. */
export interface SupervisorEvents {
  /** Called when a worker begins to take calls, and its predecessor, if any, takes no more. */
  onReady(worker: Worker, predecessor?: Worker): void;
  /** Called when a worker takes no more calls. */
  onLost(worker: Worker): void;
  /** Called when a worker has exited. {@link Worker.inFlightAtExit} holds its calls in flight. */
  onExit(worker: Worker, exit: WorkerExit): void;
  /**
   * Called when a worker could not be started, unless it was given up. Returns true if the reason
   * belongs in the log as an error.
   */
  onStartFailed(worker: Worker, reason: string): boolean;
  /** Called when a worker has imported a source file of the user, if its files are watched. */
  onImported(path: string): void;
  /** Called when the health of the pool may have changed. */
  onHealth(): void;
  /**
   * Called when a worker that had reached its limit of calls may take more, since it has no
   * successor.
   */
  onCallLimitLifted(worker: Worker): void;
}

/** Collaborators of a set of workers. */
export interface SupervisorDeps {
  readonly launcher: Launcher;
  /**
   * Returns the memory that is free on a device, or null if it is unknown. Without this function it
   * is unknown for all devices.
   */
  readonly freeDeviceBytes?: (deviceId: string) => Promise<number | null>;
  /** The health of the devices of the host, for all its pools. Default: no crashes are counted. */
  readonly deviceHealth?: DeviceHealth;
  /** The memory that starts are about to take on the devices. Default: that of this pool alone. */
  readonly deviceDemand?: DeviceDemand;
  /** The alarms for the calls of all workers. */
  readonly alarms: Alarms;
  readonly clock: Clock;
}
