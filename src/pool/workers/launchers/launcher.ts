import type { Link, LinkEvents, Ready } from "../../../bridge/mod.ts";
import type { ProgressNote } from "../../profiles/mod.ts";
import type { ProcessHandle, WorkerProcessSpec } from "../worker_process.ts";

/** What a worker is to be. */
export interface LaunchSpec {
  /** Such as `default-3`; stays the same when the worker is replaced. */
  readonly workerId: string;
  /** One life of that worker; never used again. */
  readonly incarnation: string;
  readonly events: LinkEvents;
  readonly onLine: WorkerProcessSpec["onLine"];
}

/** A worker that serves. */
export interface LaunchedWorker {
  readonly link: Link;
  readonly ready: Ready;
  readonly process: ProcessHandle;
  /** Where it notes the call that it starts; none when it does not. Whoever buries it disposes this. */
  readonly progress?: ProgressNote | undefined;
}

/** Starts workers; a pool knows no other way to get one. */
export interface Launcher {
  /**
   * Resolves when the worker is ready for calls. Whatever it started is gone when it rejects.
   *
   * @throws {SnakedenError} `worker_start_failed` with what was seen, or the reason of `signal`.
   */
  launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker>;
}

/** Where workers are recorded, so that the next host finds them should this one die. Never rejects or throws. */
export interface WorkerRegistry {
  /** Before the spawn; resolves when it is durable. */
  reserve(worker: { readonly workerId: string; readonly incarnation: string }): Promise<void>;
  /** After the spawn. */
  activate(incarnation: string, pid: number): void;
  /** When the process is gone, or was never there. */
  release(incarnation: string): void;
}
