import type { WorkerCrashedError, WorkerExit } from "../../errors.ts";
import type { Place } from "../../hardware/mod.ts";
import type { Crash } from "./crash_kind.ts";

/** One worker that a call lost, as the details of its error list it. */
export interface CrashRecord {
  /** The id of the worker, which its successors share. */
  readonly workerId: string;
  /** The id of this process of the worker; a successor has another one. */
  readonly incarnation: string;
  /** The process id; absent if the process was never started. */
  readonly pid?: number;
  /** The id of its device, such as `cuda:0`; absent if its pool assigns none. */
  readonly device?: string;
  /** The time of the end, in ISO 8601. */
  readonly at: string;
  /** The exit status; null if a signal ended the process. */
  readonly exitCode: number | null;
  /** The signal that ended the process; null if it exited by itself. */
  readonly signal: string | null;
  /** The kind of the crash, and its reason if known. */
  readonly crash: Crash;
  /** False if the call was only next in line, and the worker died before beginning it. */
  readonly mayHaveRun: boolean;
}

/** A worker whose process has ended. */
export interface EndedWorker {
  readonly id: string;
  readonly incarnation: string;
  readonly pid: number | undefined;
  readonly place?: Place | undefined;
  /** True if the host wanted the worker to end. */
  readonly stopRequested: boolean;
  crashOf(exit: WorkerExit): Crash;
  /**
   * Returns the error of a call of `tool` that was in flight in this worker; `history` lists all
   * workers that the call lost.
   */
  crashError(exit: WorkerExit, tool: string, history?: readonly CrashRecord[]): WorkerCrashedError;
}

/** Describes the end of a worker as one call saw it. */
export function crashRecordOf(
  worker: EndedWorker,
  exit: WorkerExit,
  mayHaveRun: boolean,
): CrashRecord {
  const { pid, place } = worker;
  return {
    workerId: worker.id,
    incarnation: worker.incarnation,
    ...(pid === undefined ? {} : { pid }),
    ...(place === undefined ? {} : { device: place.device.id }),
    at: new Date().toISOString(),
    exitCode: exit.exitCode,
    signal: exit.signal,
    crash: worker.crashOf(exit),
    mayHaveRun,
  };
}
