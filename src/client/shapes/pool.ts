import type { ErrorCode } from "../../errors.ts";
import type { DeviceKind } from "./machine.ts";

/** The state of a pool. docs/pools.md describes each. */
export type PoolState = "starting" | "ready" | "unhealthy" | "stopping" | "stopped";

/** The calls of a pool so far, by outcome, and its restarts. */
export interface PoolStats {
  /** All calls so far. */
  readonly requests: number;
  /** Calls answered with a result. */
  readonly completed: number;
  /** Calls answered with an error of the tool or of its arguments. */
  readonly failed: number;
  /** Calls whose caller left. */
  readonly cancelled: number;
  /** Calls whose deadline passed. */
  readonly timedOut: number;
  /** Calls whose worker died, and that could not run again. */
  readonly crashed: number;
  /** Calls that were not accepted, or were rejected from the queue. */
  readonly refused: number;
  /** Calls refused because the queue was full; part of `refused`. */
  readonly saturated: number;
  /** Workers started to replace others. */
  readonly restarts: number;
  /** Replacements of live workers; part of `restarts`. */
  readonly recycled: number;
}

/** The kind of a worker's end. docs/pools.md describes each. */
export type CrashKind =
  | "segfault"
  | "bus_error"
  | "illegal_instruction"
  | "floating_point"
  | "abort"
  | "fatal_error"
  | "out_of_memory"
  | "killed"
  | "terminated"
  | "cpu_limit"
  | "signal"
  | "exit"
  | "protocol_error"
  | "link_lost"
  | "killed_by_host";

/** The number of workers of a pool that ended unasked, and what became of their calls. */
export interface CrashStats {
  /** The number of crashes since a pool of this name was created. */
  readonly total: number;
  /** The length of the window that `recent` covers. */
  readonly windowMs: number;
  /** The number of crashes within the window, by kind. */
  readonly recent: Readonly<Partial<Record<CrashKind, number>>>;
  /** The number of times that a call ran again in another worker because its worker had died. */
  readonly reruns: number;
  /** The number of calls that were refused or given up because they kill workers. */
  readonly poisoned: number;
}

/** A slot that stays empty for a while. */
export interface QuarantinedSlot {
  /** The id that its workers have. */
  readonly workerId: string;
  /** The rest of its time in quarantine. */
  readonly remainingMs: number;
}

/** A device whose slots stay empty for a while. */
export interface UnhealthyDevice {
  /** The id of the device, such as `cuda:0`. */
  readonly deviceId: string;
  /** The time until a worker tries it again; 0 while one does, or is about to. */
  readonly remainingMs: number;
  /** The reason, and when it is tried again, for a person. */
  readonly reason: string;
}

/** The last change of the code of a pool, and its result. */
export interface ReloadInfo {
  /** The state of the load of the new code. */
  readonly state: "loading" | "loaded" | "failed";
  /** The time of the change, in ISO 8601. */
  readonly changedAt: string;
  /** The files that have changed, by name. */
  readonly files: readonly string[];
  /** The reason why a worker with the new code could not be started. */
  readonly reason?: string;
}

/** A circuit as it is now. */
export interface CircuitInfo {
  /** The state of the circuit. */
  readonly state: "closed" | "open" | "half_open";
  /** The number of failures in a row. */
  readonly failures: number;
  /** The number of times that it has opened. */
  readonly opened: number;
  /** The number of calls that it has refused. */
  readonly refused: number;
  /** The code of the last failure that it counted. */
  readonly lastFailure?: ErrorCode;
  /** The time until it lets a call pass; only while it is open. */
  readonly retryAfterMs?: number;
}

/** The policies of a pool as they are now. */
export interface PoliciesInfo {
  /** The circuit of the whole pool. */
  readonly circuit?: CircuitInfo;
  /** The circuits of single tools, by name. */
  readonly toolCircuits: Readonly<Record<string, CircuitInfo>>;
  /** The number of attempts that were made after others had failed. */
  readonly retries: number;
}

/** The ways to start a worker, by which a pool chooses. */
export type LauncherName = "spawn" | "prefork";

/** The process from which workers are forked, as it is shown outside. */
export interface TemplateInfo {
  readonly pid: number;
  /** The resident memory, which its workers share as long as they do not write to it. */
  readonly rssBytes: number;
}

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

/** A pool to add: the keys of a pool in the configuration, of which only the name is needed. */
export interface PoolToAdd {
  readonly name: string;
  readonly adapter?: string | string[];
  readonly size?: number;
  readonly [key: string]: unknown;
}

/** A change of the number of workers of a pool; what is omitted stays. */
export interface ResizeRequest {
  /** The number of workers: `min` and `max` at once. */
  readonly size?: number;
  /** The fewest workers. */
  readonly min?: number;
  /** The most workers. */
  readonly max?: number;
  /** The idle workers that are kept ready beyond those that are busy. */
  readonly spare?: number;
}

/** The changes that a reload of the configuration has made. */
export interface ReloadResult {
  /** The names of the pools that have changed. */
  readonly pools: {
    /** The pools that are new. */
    readonly added: readonly string[];
    /** The pools that new workers have taken over. The old workers end when their calls have. */
    readonly changed: readonly string[];
    /** The pools whose numbers of workers or policies have changed, with the same workers. */
    readonly adjusted: readonly string[];
    /** The pools that are gone. Their workers end when their calls have. */
    readonly removed: readonly string[];
  };
  /** The paths of the settings that were applied, such as `limits.maxBodyBytes`. */
  readonly applied: readonly string[];
  /** The paths of the settings that differ, and that only a restart applies. */
  readonly needsRestart: readonly string[];
}

/** The workers to replace: all, those of one pool, or some. */
export interface RecycleRequest {
  /** The name of the pool. Default: all pools. */
  readonly pool?: string;
  /** The ids of the workers to replace. */
  readonly workers?: readonly string[];
  /** Ends the wait. Replacements that have begun go on. */
  readonly signal?: AbortSignal;
}

/** The state of a worker. */
export type WorkerState = "starting" | "ready" | "busy" | "stopping" | "gone";

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

/** The use that a framework in a worker, such as torch, makes of the device of the worker. */
export interface DeviceUse {
  /** The name of its Python module. */
  readonly framework: string;
  /** Its version; may be empty. */
  readonly version: string;
  /** `used`, `unused`: it has nothing there, `unable`: it cannot use it, or `unknown`. */
  readonly state: "used" | "unused" | "unable" | "unknown";
  /** The reason of the state, for a person. */
  readonly text: string;
  /** The device memory that it holds; null if unknown. */
  readonly memoryBytes: number | null;
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
  readonly replaceCause?:
    | "max_age"
    | "max_calls"
    | "max_memory"
    | "recycled"
    | "stopped"
    | "scaled_down"
    | "code_changed"
    | "call_stuck"
    | "reaper_lost";
  /** The device that the worker is given; absent if its pool assigns none. */
  readonly device?: WorkerDevice;
  /** The resident memory of the process and its children. */
  readonly rssBytes?: number;
  /** The uses that the frameworks in the worker made of its device when it became ready. */
  readonly deviceUses?: readonly DeviceUse[];
  /** The tools that have held up its event loop; absent if there are none. */
  readonly blockedTools?: readonly BlockedTool[];
  /** Problems that do not keep the worker from serving; absent if there are none. */
  readonly warnings?: readonly ("device_not_used" | "call_stuck")[];
}

/** A tool that has held up the event loop that all calls of its worker share. */
export interface BlockedTool {
  /** The name of the tool; empty for code that runs for no call. */
  readonly tool: string;
  /** The number of times that it has done so. */
  readonly times: number;
  /** The longest time that it took so far, in milliseconds. */
  readonly longestMs: number;
  /** The place in the code, the outermost frame first; empty for callers without rights. */
  readonly stack: string;
}

/** A time limit for a wait, and a signal that ends it. */
export interface WaitOptions {
  /** The longest time to wait, in milliseconds. Each method documents its default. */
  readonly timeoutMs?: number;
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal;
}

/** The result of a ping through every pool. */
export interface Readiness {
  /** True if every pool is ready. */
  readonly ready: boolean;
  /** The results by the name of the pool. */
  readonly pools: Readonly<Record<string, PoolReadiness>>;
  /** The accelerators of the pools, by id; absent if no pool has any. */
  readonly devices?: Readonly<Record<string, DeviceReadiness>>;
}

/** The result of a ping through one pool, with the reason if it cannot serve. */
export interface PoolReadiness {
  /** True if a worker of the pool answered the ping in time. */
  readonly ready: boolean;
  /** The round-trip time of the ping; only if ready. */
  readonly pingMs?: number;
  /** The reason why no worker answered; only if not ready. */
  readonly reason?: string;
  /**
   * True while the pool sends no calls to its workers, since somebody has paused it. That alone
   * does not make it unready.
   */
  readonly paused?: true;
}

/** The health of a device. */
export interface DeviceReadiness {
  /** `unhealthy` while its workers crash too often. Its slots stay empty then, in all pools. */
  readonly health: "healthy" | "unhealthy";
  /** The reason why it is unhealthy, and when a worker tries it again. */
  readonly reason?: string;
}
