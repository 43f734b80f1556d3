/** The worker's half of a call, as the call sees it. */
export interface AttemptOfCall {
  readonly workerId: string;
  /** The time at which it was sent, on the clock of the owner. */
  readonly sentAt: number;
  /** The time at which the worker answered. */
  readonly endedAt: number;
  /** The time spent in the tool, by the worker's clock; undefined unless it ended with a result. */
  readonly runMs: number | undefined;
  /** False while the attempt waits in the worker behind other calls. */
  readonly hasBegun: boolean;
  /** Grants its stream `bytes` more credit. */
  credit(bytes: number): void;
  /** Tells the work to stop. A worker that does not stop it within `graceMs` is killed. */
  stop(graceMs: number): void;
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
