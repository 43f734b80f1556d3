import type { Link, LinkEvents, Ready } from "../../../bridge/mod.ts";
import type { Place } from "../../../hardware/mod.ts";
import type { BulkRecord } from "../../calls/mod.ts";
import type { ProgressNote } from "../../profiles/mod.ts";
import type { ProcessHandle, WorkerProcessSpec } from "../worker_process.ts";

/** The worker to start. */
export interface LaunchSpec {
  /** The id, such as `default-3`, which stays the same when the worker is replaced. */
  readonly workerId: string;
  /** The id of this process of the worker, which is never used again. */
  readonly incarnation: string;
  /** The prefix of the ids of its calls. */
  readonly callPrefix?: string;
  /** The device that the worker is given; undefined if its pool assigns none. */
  readonly place?: Place | undefined;
  readonly events: LinkEvents;
  readonly onLine: WorkerProcessSpec["onLine"];
  readonly onOutputEnd?: WorkerProcessSpec["onOutputEnd"];
  readonly room?: WorkerProcessSpec["room"];
}

/** The ways to start a worker, by which a pool chooses. */
export type LauncherName = "spawn" | "prefork";

/** A worker that is ready for calls. */
export interface LaunchedWorker {
  /** The way in which it was really started. */
  readonly launcher: LauncherName;
  /** Its incarnation, if it is not that of its {@link LaunchSpec}: it was there before. */
  readonly incarnation?: string;
  readonly link: Link;
  readonly ready: Ready;
  readonly process: ProcessHandle;
  /** The worker's note of the call that it began last, if any. The call window disposes it. */
  readonly progress?: ProgressNote | undefined;
  /** The worker's record of bulk calls, if any. The {@link Worker} disposes it. */
  readonly record?: BulkRecord | undefined;
}

/** The process from which workers are forked, as it is shown outside. */
export interface TemplateInfo {
  readonly pid: number;
  /** The resident memory, which its workers share as long as they do not write to it. */
  readonly rssBytes: number;
}

/** The launcher of a pool, and its parts besides workers, as they are shown outside. */
export interface LauncherInfo {
  /** The way that the pool has chosen. */
  readonly launcher: LauncherName;
  /** The template; absent if there is none now. */
  readonly template?: TemplateInfo;
  /** The reason why workers are spawned, although the pool has chosen another way. */
  readonly launcherFallback?: string;
}

/** Starts workers for a pool. */
export interface Launcher {
  /** Its parts besides workers. Default: none, it spawns. */
  readonly info?: LauncherInfo | undefined;
  /** Prepares for the first launch, in the background. */
  prepare?(): void;
  /** Notes that the code has changed: workers that are launched from now on have the new one. */
  renew?(): void;
  /** Ends its parts besides workers, which have ended. Never rejects. */
  close?(): Promise<void>;
  /**
   * Resolves when the worker is ready for calls. If it rejects, nothing that it started is left
   * running.
   *
   * @throws {SnakedenError} `worker_start_failed` with what was seen, or the reason of `signal`.
   */
  launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker>;
}

/** Records workers, so that the next host finds them if this one dies. Never rejects or throws. */
export interface WorkerRegistry {
  /** Called before the spawn; resolves when the record is durable. */
  reserve(worker: { readonly workerId: string; readonly incarnation: string }): Promise<void>;
  /** Called after the spawn. */
  activate(incarnation: string, pid: number): void;
  /** Called when the process has ended, or could not be spawned. */
  release(incarnation: string): void;
}
