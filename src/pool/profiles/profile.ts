import type { Alarms } from "../../async/mod.ts";
import type { Listed } from "../calls/mod.ts";

/** A call in flight, as a profile sees it. */
export interface Sent extends Listed {
  /** Its number on the link. Numbers rise in the order in which calls are sent. */
  readonly linkId: number;
  /** What it counts in the backlog, and since when it is there; both belong to the {@link CallWindow}. */
  expectedMs: number;
  inFlightSince: number;
}

/** What a worker has noted of its progress, where the host can read it after the worker died. */
export interface ProgressNote extends Disposable {
  /** Returns the number of the call that it began last; 0 before the first. */
  startedCall(): number;
}

/** How a worker ended, as far as it says what its calls did. */
export interface WindowExit {
  /** Undefined when the worker notes no progress. */
  readonly note: ProgressNote | undefined;
  /** True when the link was read to its end, so that every answer of the worker has been seen. */
  readonly readToEnd: boolean;
}

/** The calls that were in flight when a worker died, in the order in which they were sent. */
export interface InFlightAtExit<T> {
  /** Calls that may have run. */
  readonly lost: readonly T[];
  /** Calls that have not, and may run elsewhere. */
  readonly unstarted: readonly T[];
}

/** What a window needs of its worker. */
export interface WindowDeps {
  readonly alarms: Alarms;
  /** Asks the worker for the calls that it has not begun. */
  readonly recall: () => void;
}

/**
 * The calls that one worker was sent and has not answered, and everything that depends on how many of them it
 * runs at a time: which have begun, whether one more may be sent, how one is stopped, and which a crash takes
 * along. No file outside of the profiles may assume any of it.
 *
 * Twin of `snakeden._worker.profiles`, which decides the same on the side of the worker.
 */
export interface CallWindow<T extends Sent> {
  readonly size: number;
  /** The calls that are believed to run, the oldest first; never more than the capacity of the profile. */
  readonly begun: readonly T[];
  /** The number of calls that wait in the worker behind those that run. */
  readonly waiting: number;
  /** The time that all calls together are expected to take, in milliseconds. */
  readonly backlogMs: number;

  /** Returns true when a call is believed to run. */
  hasBegun(call: T): boolean;

  /**
   * Returns true when one more call may be sent.
   *
   * @param budgetMs The longest backlog behind which a call may wait; 0 sends nothing ahead.
   */
  hasRoom(budgetMs: number, now: number): boolean;

  /** Adds a call that was sent. `expectedMs` is how long it will probably run. */
  add(call: T, expectedMs: number, now: number): void;

  /** Removes a call that was answered or given back. Returns false when it was not in flight. */
  remove(call: T, now: number): boolean;

  /**
   * Returns when the worker must be killed because of a call that was told to stop and has not: now or earlier
   * means at once, later means that the call is looked at again then.
   *
   * @param graceMs The time that a call has to stop.
   */
  killAt(call: T, graceMs: number, now: number): number;

  /** Removes all calls after the death of the worker, and disposes the note. */
  drain(exit: WindowExit): InFlightAtExit<T>;
}

/** How workers run their calls. */
export interface Profile {
  /** The most calls that a worker runs at a time. */
  readonly capacity: number;
  /** Opens the window of one worker. */
  open<T extends Sent>(deps: WindowDeps): CallWindow<T>;
}
