import type { BlockedTool } from "../bridge/mod.ts";
import type { PoolConfig } from "../config/mod.ts";
import type { DeviceKind, Place } from "../hardware/mod.ts";
import type { CrashStats } from "./crashes/mod.ts";
import type { PoliciesInfo } from "./policies_info.ts";
import { profileOf, type ProfileSettings } from "./profiles/mod.ts";
import type { Pool } from "./pool.ts";
import type { ReloadInfo } from "./code/mod.ts";
import type { PoolState } from "./pool_state.ts";
import type { PoolStats } from "./pool_stats.ts";
import type { QuarantinedSlot, UnhealthyDevice } from "./supervision/mod.ts";
import {
  type DeviceUse,
  type LauncherName,
  leavesDeviceUnused,
  type ReplaceCause,
  type TemplateInfo,
  type Worker,
  type WorkerState,
} from "./workers/mod.ts";

/** A pool, as it is shown outside. */
export interface PoolInfo {
  /** The name of the pool. */
  readonly name: string;
  /** The adapters of the pool, separated by commas. */
  readonly adapter: string;
  /** The way in which its workers run calls, such as `process`. */
  readonly profile: string;
  /** The way in which its workers are started. */
  readonly launcher: LauncherName;
  /** The process from which its workers are forked; absent if there is none now. */
  readonly template?: TemplateInfo;
  /** The reason why its workers are spawned, although its launcher is another one. */
  readonly launcherFallback?: string;
  /** The most workers that the pool may have. */
  readonly size: number;
  /** The most calls that its workers run at a time, all together. */
  readonly capacity: number;
  /** The fewest workers; less than `size` if their number depends on the work. */
  readonly min: number;
  /** The most workers; the same as `size`. */
  readonly max: number;
  /** The idle workers that are kept ready beyond those that are busy. */
  readonly spare: number;
  /** True while no call is sent to a worker. */
  readonly paused: boolean;
  /** The ids of the devices that its workers are given; absent if the pool assigns none. */
  readonly devices?: readonly string[];
  /** The state of the pool. */
  readonly state: PoolState;
  /** The reason why the pool has no worker. */
  readonly reason?: string;
  /** The number of workers by state. */
  readonly workers: { readonly ready: number; readonly busy: number; readonly starting: number };
  /** The number of calls that run. */
  readonly begun: number;
  /** The number of calls that wait for a worker. */
  readonly queued: number;
  /** The most calls that may wait. */
  readonly queueLimit: number;
  /** The calls of the pool so far, by outcome. */
  readonly stats: PoolStats;
  /** The crashes of its workers. */
  readonly crashes: CrashStats;
  /** Slots that stay empty for a while because their workers crashed too often. */
  readonly tainted: readonly QuarantinedSlot[];
  /** Its devices whose slots stay empty because workers crashed too often on them, in any pool. */
  readonly unhealthyDevices: readonly UnhealthyDevice[];
  /** The last change of its code, and the result; absent if there was none. */
  readonly reload?: ReloadInfo;
  /** Circuits and retries, where the configuration asks for any. */
  readonly policies?: PoliciesInfo;
}

/** The device of a worker, as it is shown outside. */
export interface WorkerDevice {
  /** The id of the device, such as `cuda:0`. */
  readonly id: string;
  /** The kind of the device. */
  readonly kind: DeviceKind;
  /** The product name, such as `NVIDIA L4`. */
  readonly name: string;
  /** The vendor's unique id; absent if it has none. */
  readonly uuid?: string;
  /** The part of the device that the worker may use: 0.25 if four workers share it. */
  readonly share: number;
}

/** A worker, as it is shown outside. */
export interface WorkerInfo {
  /** The id of the worker, such as `default-1`. A successor has the same one. */
  readonly id: string;
  /** The id of this process of the worker; a successor has another one. */
  readonly incarnation: string;
  /** The name of its pool. */
  readonly pool: string;
  /** The state of the worker. */
  readonly state: WorkerState;
  /** The time at which its start began, in ISO 8601. */
  readonly startedAt: string;
  /** The number of calls that the worker has been given. */
  readonly calls: number;
  /** The most calls that the worker runs at a time. */
  readonly capacity: number;
  /** The number of calls that run in it. */
  readonly begun: number;
  /**
   * The time at which it last ended a call, in ISO 8601; now while it has one. Absent before its
   * first call.
   */
  readonly lastUsedAt?: string;
  /** The process id; absent until the process is started. */
  readonly pid?: number;
  /** The way in which it was really started; absent until the worker is ready. */
  readonly launcher?: LauncherName;
  /** The version of Python, such as `3.12.4`; absent until the worker is ready. */
  readonly pythonVersion?: string;
  /**
   * True if one thread runs Python code at a time, as always but in a free-threaded Python; absent
   * until the worker is ready.
   */
  readonly gil?: boolean;
  /** The reason for which it is replaced, or will be; absent if it is not. */
  readonly replaceCause?: ReplaceCode;
  /** The device that the worker is given; absent if its pool assigns none. */
  readonly device?: WorkerDevice;
  /**
   * The resident memory of the process and its children, by the last report of the worker. Before
   * the first report, the resident memory of the process alone.
   */
  readonly rssBytes?: number;
  /**
   * The uses that the frameworks in the worker made of its device when it became ready; absent if
   * there are none to report, as in a worker without an accelerator.
   */
  readonly deviceUses?: readonly DeviceUse[];
  /** The tools that have held up its event loop; absent if there are none. */
  readonly blockedTools?: readonly BlockedTool[];
  /** Problems that do not keep the worker from serving; absent if there are none. */
  readonly warnings?: readonly WorkerWarning[];
}

/**
 * `device_not_used`: frameworks are loaded, but none of them uses the device of the worker.
 * `call_stuck`: a call was asked to stop and still runs, and takes a place of the worker.
 */
export type WorkerWarning = "device_not_used" | "call_stuck";

/** The code of the reason for which a worker is replaced. */
export type ReplaceCode = ReplaceCause["code"];

/** Describes a pool as it is now. */
export function describePool(
  pool: Pool,
  config: Pick<PoolConfig, "adapter" | "profile"> & ProfileSettings,
  policies?: PoliciesInfo,
): PoolInfo {
  const count = (...states: WorkerState[]): number =>
    pool.workers.filter((it) => states.includes(it.state)).length;
  const { adapter, profile } = config;
  const { reason, code: { reload }, devices: { assigned, unhealthy } } = pool;
  return {
    name: pool.name,
    adapter: [adapter].flat().join(", "),
    profile,
    ...(pool.launcher.info ?? { launcher: "spawn" }),
    size: pool.size,
    ...pool.limits,
    capacity: pool.size * profileOf(config).capacity,
    paused: pool.isPaused,
    ...(assigned.length === 0 ? {} : { devices: assigned }),
    state: pool.state,
    ...(reason === undefined ? {} : { reason }),
    workers: { ready: count("ready"), busy: count("busy"), starting: count("starting") },
    begun: pool.workers.reduce((sum, { inFlight }) => sum + inFlight.window.begun.length, 0),
    queued: pool.queued,
    queueLimit: pool.queueLimit,
    stats: pool.stats,
    crashes: pool.crashes,
    tainted: pool.tainted,
    unhealthyDevices: unhealthy,
    ...(reload === undefined ? {} : { reload }),
    ...(policies === undefined ? {} : { policies }),
  };
}

/** Describes a worker as it is now. */
export function describeWorker(worker: Worker, pool: string): WorkerInfo {
  const { pid, launcher, pythonVersion, place, deviceUses, hasGil: gil, replaceCause } = worker;
  const warnings = warningsOf(worker);
  // Its link is there once it has a process.
  const blockedTools = pid === undefined ? [] : worker.link.blockedTools.list();
  const rssBytes = rssBytesOf(worker);
  return {
    id: worker.id,
    incarnation: worker.incarnation,
    pool,
    state: worker.state,
    startedAt: worker.startedAt.toISOString(),
    calls: worker.calls,
    capacity: worker.capacity,
    begun: worker.inFlight.window.begun.length,
    ...(worker.calls === 0 ? {} : { lastUsedAt: lastUsedAt(worker) }),
    ...(pid === undefined ? {} : { pid }),
    ...(launcher === undefined ? {} : { launcher }),
    ...(pythonVersion === undefined ? {} : { pythonVersion }),
    ...(gil === undefined ? {} : { gil }),
    ...(replaceCause === undefined ? {} : { replaceCause: replaceCause.code }),
    ...(place === undefined ? {} : { device: describeDevice(place) }),
    ...(rssBytes === undefined ? {} : { rssBytes }),
    ...(deviceUses.length === 0 ? {} : { deviceUses }),
    ...(blockedTools.length === 0 ? {} : { blockedTools }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

function warningsOf(worker: Worker): WorkerWarning[] {
  return [
    ...(leavesDeviceUnused(worker) ? ["device_not_used" as const] : []),
    ...(worker.inFlight.stuckCause !== undefined ? ["call_stuck" as const] : []),
  ];
}

/**
 * Returns the resident memory of a worker: by its last report, or before the first one, that of its
 * process alone. Undefined if it is unknown.
 */
export function rssBytesOf({ pid, rssBytes }: Worker): number | undefined {
  return rssBytes ?? (pid === undefined ? undefined : readRssBytes(pid));
}

function lastUsedAt({ state, usedAt, alarms }: Worker): string {
  const agoMs = state === "busy" ? 0 : alarms.now - usedAt;
  return new Date(Date.now() - agoMs).toISOString();
}

function describeDevice({ device: { id, kind, name, uuid }, share }: Place): WorkerDevice {
  return { id, kind, name, ...(uuid === null ? {} : { uuid }), share };
}

/**
 * Returns the resident memory from /proc. On other systems, and for a process that has just ended,
 * there is none to read.
 */
function readRssBytes(pid: number): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const [, kilobytes] =
      /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ??
        [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    throw error;
  }
}
