import type { Alarms } from "../../async/mod.ts";
import type { Attempt, Call } from "../calls/mod.ts";
import type { Profile } from "../profiles/mod.ts";
import type { WorkerLimits } from "./worker_limits.ts";

/** How long stopping may take at each step. */
export interface StopOptions {
  /** For the calls that run, and for teardown(). */
  readonly drainMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Lets the calls that run take all the time that their own deadlines give them. */
  readonly patient?: boolean;
}

/** Which worker, and what it needs. */
export interface WorkerOptions {
  /** Such as `default-3`. */
  readonly id: string;
  readonly incarnation: string;
  /** Where calls that run are looked after. */
  readonly alarms: Alarms;
  /** How it runs its calls. */
  readonly profile: Profile;
  /** What it is bounded to, to tell why it ended. */
  readonly limits?: WorkerLimits;
  /** Most calls that it is given. Default any number. */
  readonly maxCalls?: number;
  /** With which of them the listener is notified. */
  readonly renewAtCall?: number;
}

/** Receives the events of a worker's life; `W` is the worker. */
export interface WorkerListener<W> {
  /** Called when it takes no more calls: its stream or its process has ended. `died()` returns the rest. */
  onLost(worker: W): void;
  /** Called when something other than the host has asked it to end; its `leavingFor` names what. */
  onLeaving(worker: W): void;
  /** Called when it reports how much memory it holds. */
  onMemory(worker: W, rssBytes: number): void;
  /** Called when it was given its call number `renewAtCall`. */
  onWorn(worker: W): void;
}

/** Gives a worker its calls, and is notified when it has room for more. */
export interface CallSource<W> {
  /** Called when the worker has answered an attempt, and the attempt's room is free. */
  onAnswered(worker: W, attempt: Attempt): void;
  /** Called when the worker gave a call back, and its room is free. */
  onGivenBack(worker: W, call: Call): void;
}
