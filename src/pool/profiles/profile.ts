import type { Alarms } from "../../async/mod.ts";
import type { Listed } from "../calls/mod.ts";

/** A call in flight, as a profile sees it. */
export interface Sent extends Listed {
  /** The number of the call on the link. Numbers rise in the order in which calls are sent. */
  readonly linkId: number;
  /**
   * The call's share of the backlog, and the time at which it was added. Both belong to the
   * {@link CallWindow}.
   */
  expectedMs: number;
  inFlightSince: number;
}

/** A worker's record of its progress, which the host can read after the worker died. */
export interface ProgressNote extends Disposable {
  /**
   * Returns the numbers of the calls that it began last, one for each call that it may run at a
   * time; 0 for a place in which none has begun.
   */
  startedCalls(): readonly number[];
}

/** The facts about a worker's end that show what its calls did. */
export interface WindowExit {
  /** Undefined if the worker keeps no record of its progress. */
  readonly note: ProgressNote | undefined;
  /** True if the link was read to its end, so that every answer of the worker has been seen. */
  readonly readToEnd: boolean;
}

/** The calls that were in flight when a worker died, in the order in which they were sent. */
export interface InFlightAtExit<T> {
  /** The calls that may have run. */
  readonly lost: readonly T[];
  /** The calls that have not run, and may run elsewhere. */
  readonly unstarted: readonly T[];
}

/** The worker, as its window sees it. */
export interface WindowDeps {
  readonly alarms: Alarms;
  /** Asks the worker for the calls that it has not begun. */
  readonly recall: () => void;
}

/**
 * The calls that one worker was sent and has not answered, and everything that depends on how many
 * of them run at a time: which have begun, whether one more may be sent, how one is stopped, and
 * which ones a crash may have hit. No file outside the profiles may make assumptions about these.
 *
 * Twin of `snakeden._worker.profiles`, which decides the same in the worker.
 */
export interface CallWindow<T extends Sent> {
  readonly size: number;
  /**
   * The calls that are believed to run, the oldest first; never more than the capacity of the
   * profile.
   */
  readonly begun: readonly T[];
  /** The number of calls that wait in the worker behind those that run. */
  readonly waiting: number;
  /**
   * The time in which all calls are expected to be done, in milliseconds. Calls that run side by
   * side share it; how long they have run already does not count.
   */
  readonly backlogMs: number;

  /**
   * Returns the time until one more call would probably begin, in milliseconds. It may look at
   * several calls, so it is not for each call that is sent.
   */
  freeInMs(now: number): number;

  /** Returns the first call in flight that `accepts` returns true for. */
  find(accepts: (call: T) => boolean): T | undefined;

  /** Returns true if a call is believed to be running. */
  hasBegun(call: T): boolean;

  /**
   * Returns true if one more call may be sent.
   *
   * @param budgetMs The longest backlog behind which a call may wait; 0 sends nothing ahead.
   */
  hasRoom(budgetMs: number, now: number): boolean;

  /** Adds a call that was sent. `expectedMs` is how long it will probably run. */
  add(call: T, expectedMs: number, now: number): void;

  /** Removes a call that was answered or given back. Returns false if it was not in flight. */
  remove(call: T, now: number): boolean;

  /**
   * Returns the time at which the worker must be killed because a call that was asked to stop still
   * runs. If that time has come, kill the worker; otherwise call this again at that time.
   *
   * @param graceMs The time that a call has to stop.
   */
  killAt(call: T, graceMs: number, now: number): number;

  /** Removes all calls of a dead worker, and disposes the note. */
  drain(exit: WindowExit): InFlightAtExit<T>;
}

/** A way in which the workers of one pool run their calls. */
export interface Profile {
  /** The most calls that a worker runs at a time. */
  readonly capacity: number;
  /**
   * True if idle workers take turns, so that calls spread over all of them; false if the one that
   * worked last is taken, whose memory is warm.
   */
  readonly spreads: boolean;
  /** Opens the window of one worker. */
  open<T extends Sent>(deps: WindowDeps): CallWindow<T>;
}
