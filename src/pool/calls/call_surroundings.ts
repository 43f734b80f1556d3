import type { BulkNote } from "./bulk_note.ts";

/** The worker's half of a call, as the call sees it. */
export interface AttemptOfCall extends CallWork {
  /** The time at which it was sent, on the clock of the owner. */
  readonly sentAt: number;
  /** The time at which the worker answered. */
  readonly endedAt: number;
  /** The time spent in the tool, by the worker's clock; undefined unless it ended with a result. */
  readonly runMs: number | undefined;
  /** Grants its stream `bytes` more credit. */
  credit(bytes: number): void;
  /** Tells the work to stop. A worker that does not stop it within `graceMs` is killed. */
  stop(graceMs: number): void;
}

/** The work of a call in a worker, for a caller who must know when it is really over. */
export interface CallWork {
  readonly workerId: string;
  /** False while the call waits in the worker behind other calls. */
  readonly hasBegun: boolean;
  /** True if it is over and was never begun. */
  readonly wasSkipped: boolean;
  /** True once the worker has answered, has given the call back, or is dead. */
  readonly isOver: boolean;
  /** The worker's record of the work, if that is a bulk call; the last one if it is dead. */
  readonly bulkNote: BulkNote | undefined;
  /**
   * Resolves when all output of the call has been read; undefined if there is none, or nobody keeps
   * it. It is set when the work is over.
   */
  readonly outputRead: Promise<void> | undefined;
  /** Called once, when the work is over; it may set it to hear of that. It must not throw. */
  onOver: (() => void) | undefined;
}

/** The part of a call that belongs to its session; see `Affinity`. */
export interface CallSession {
  /** True if no worker but that of its session, or of its tool, may run the call. */
  readonly isStrict: boolean;
  /** Names this worker in the text of an error. */
  readonly workerText: string;
}

/** The worker whose tool asks the host for something. */
export interface AskingWorker {
  readonly id: string;
  readonly incarnation: string;
}
