import { LimitExceededError, WorkerCrashedError, type WorkerExit } from "../../errors.ts";
import {
  type CrashRecord,
  describeExit,
  describeOutput,
  type EndedWorker,
} from "../crashes/mod.ts";
import type { EndCause } from "./end_cause.ts";
import { exitBreach, type WorkerLimits } from "./worker_limits.ts";

/** Facts about the end of a worker besides its exit. */
export interface EndOfCall {
  readonly tool: string;
  /** All workers that the call lost, this one last. */
  readonly history: readonly CrashRecord[];
  /** The cause of the end, when the exit does not say. */
  readonly cause: EndCause | undefined;
  readonly limits: WorkerLimits;
  /** The exit status that the worker's own code has announced. */
  readonly ownStatus: number | undefined;
}

/** Returns the error of a call whose worker died. */
export function crashErrorOf(
  worker: EndedWorker,
  exit: WorkerExit,
  { tool, history, cause, limits, ownStatus }: EndOfCall,
): WorkerCrashedError {
  const breach = cause?.breach ?? exitBreach(limits, exit);
  const workersLost = Math.max(1, history.length);
  const others = workersLost === 1 ? "" : `; the call has lost ${workersLost} workers`;
  const end = breach?.text ?? cause?.crash.reason ?? `ended with ${describeExit(exit, ownStatus)}`;
  const message = `Cannot finish ${tool}: worker ${worker.id} ${end}${others}`;
  const output = `; ${describeOutput(exit.lastOutput)}`;
  const details = {
    workerId: worker.id,
    incarnation: worker.incarnation,
    pid: worker.pid,
    ...(worker.place === undefined ? {} : { device: worker.place.device.id }),
    crash: worker.crashOf(exit),
    workersLost,
    ...(workersLost === 1 ? {} : { history }),
  };
  if (breach === undefined) return new WorkerCrashedError(message, exit, details, { output });
  const { code, limit, allowed, measured } = breach;
  const numbers = { limit, allowed, ...(measured === undefined ? {} : { measured }) };
  return new LimitExceededError(code, message, exit, { ...details, ...numbers }, output);
}
