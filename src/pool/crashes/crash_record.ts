import type { WorkerExit } from "../../errors.ts";
import type { Crash } from "./crash_kind.ts";

/** One worker that a call lost; stands in the details of its error. */
export interface CrashRecord {
  readonly workerId: string;
  readonly incarnation: string;
  readonly pid?: number;
  /** ISO 8601. */
  readonly at: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly crash: Crash;
  /** False when the call was only next in the worker, which died before it began it. */
  readonly mayHaveRun: boolean;
}

/** The worker as {@link crashRecordOf} needs it. */
export interface EndedWorker {
  readonly id: string;
  readonly incarnation: string;
  readonly pid: number | undefined;
  crashOf(exit: WorkerExit): Crash;
}

/** Describes the death of a worker as one call saw it. */
export function crashRecordOf(
  worker: EndedWorker,
  exit: WorkerExit,
  mayHaveRun: boolean,
): CrashRecord {
  const { pid } = worker;
  return {
    workerId: worker.id,
    incarnation: worker.incarnation,
    ...(pid === undefined ? {} : { pid }),
    at: new Date().toISOString(),
    exitCode: exit.exitCode,
    signal: exit.signal,
    crash: worker.crashOf(exit),
    mayHaveRun,
  };
}
