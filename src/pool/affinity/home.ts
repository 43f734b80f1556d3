import { type Call, CallQueue } from "../calls/mod.ts";
import { type CrashKind, describeExit } from "../crashes/mod.ts";
import type { WorkerExit } from "../../errors.ts";
import type { ReplaceCause, Worker } from "../workers/mod.ts";

/**
 * A worker, as the home of sessions that are bound to it, with the calls that wait for this worker
 * alone.
 *
 * It takes calls until {@link Home.hasLeft}. If the worker was replaced, {@link Home.end} says so
 * at once. If it died, the end is unknown until the process has exited. Sessions remember their
 * home long after that, so it lets go of the worker then.
 *
 * The home of a session whose worker ended with a host before has no worker from the start.
 */
export class Home {
  readonly workerId: string | undefined;
  readonly incarnation: string | undefined;
  /** Undefined once its process has exited. */
  worker: Worker | undefined;
  /** The calls that wait for this worker. */
  readonly queue = new CallQueue<Call>();
  /** True once the worker takes no more calls. */
  hasLeft: boolean;
  /** The end of the worker; undefined while it is not known. */
  end: HomeEnd | undefined;
  /** Called once the end is known. */
  onEnd: (() => void) | undefined = undefined;

  constructor(worker: Worker | undefined, end?: HomeEnd) {
    this.workerId = worker?.id;
    this.incarnation = worker?.incarnation;
    this.worker = worker;
    this.hasLeft = worker === undefined;
    this.end = end;
  }
}

/** The end of a worker, as its sessions learn it. */
export interface HomeEnd {
  /** The end of a sentence that begins with the worker. */
  readonly text: string;
  readonly reason: CrashKind | ReplaceCause["code"] | "host_ended";
  /** True if the process ended while it served; false if omitted. */
  readonly isCrash?: boolean;
}

/** Describes why a live worker takes no more calls. */
export function describeLeaving(
  { leavingFor, replaceCause }: Pick<Worker, "leavingFor" | "replaceCause">,
): HomeEnd {
  if (leavingFor !== undefined) {
    return { text: `received ${leavingFor} and ended`, reason: "terminated" };
  }
  if (replaceCause === undefined) return { text: "was stopped", reason: "stopped" };
  if (replaceCause.code === "scaled_down") {
    return { text: `was ended: ${replaceCause.text}`, reason: replaceCause.code };
  }
  return { text: `was replaced: ${replaceCause.text}`, reason: replaceCause.code };
}

/** Describes the end of a worker whose process has exited. */
export function describeEnd(worker: Worker, exit: WorkerExit): HomeEnd {
  const { kind } = worker.crashOf(exit);
  // Not the reason of the crash: that may be a line of the worker's output, which not every caller
  // may see.
  const text = worker.endReason(exit);
  if (text !== undefined) return { text, reason: kind, isCrash: true };
  if (worker.stopRequested) return describeLeaving(worker);
  return { text: `died with ${describeExit(exit)}`, reason: kind, isCrash: true };
}
