import type { SnakedenError } from "../../errors.ts";
import type { Call, Listed } from "../calls/mod.ts";
import type { Home } from "./home.ts";
import { sessionWorkerUnavailable, workerBusy } from "./session_errors.ts";

/**
 * The fate of a binding.
 *
 * - `open`: its worker takes calls, or it has none yet.
 * - `undecided`: its worker takes no more calls, and it is not yet known whether a call of the
 *   session has begun there.
 * - `lost`: its worker takes no more calls, and has run calls of the session.
 */
export type Fate = "open" | "undecided" | "lost";

/**
 * The knowledge about the session of a binding.
 *
 * - `unknown`: nothing yet.
 * - `unstored`: the store has no such session. It is remembered for a while after each call.
 * - `stored`: the store has it, and knows that it is bound. It is remembered until it ends.
 */
export type Standing = "unknown" | "unstored" | "stored";

/**
 * The tie between a session and a worker. It begins without a worker, and is bound to the first one
 * that is sent a strict call of the session, or that answers one with a hint. While no call has
 * begun in that worker, the session has no state there: when all its calls come back, it is free
 * again. A strict binding never changes to another worker after that. A session that starts again
 * gets another binding, and calls of the old one never use it.
 */
export class Binding implements Listed {
  queueList: object | undefined = undefined;
  queuePrevious: Binding | undefined = undefined;
  queueNext: Binding | undefined = undefined;
  readonly sessionId: string;
  /** True once a strict call has used it. Only then do hints not move it. */
  isStrict: boolean;
  /** The time at which it was used last. */
  usedAt: number;
  /** The time of use when it came to its place in the table, to which the place belongs. */
  listedAt: number;
  home: Home | undefined = undefined;
  standing: Standing = "unknown";
  /** True once a call of the session may have run in the worker. */
  hasRun = false;
  /** The number of strict calls that the worker was sent and has not answered. */
  inFlight = 0;
  /** The first of these calls while none has been answered. */
  opener: Call | undefined = undefined;
  /** The lost binding after which the session starts again, until a call has run. */
  lost: Binding | undefined = undefined;
  /** The strict calls that wait. Most sessions never have any. */
  waiting: Set<Call> | undefined = undefined;

  constructor(sessionId: string, isStrict: boolean, now: number) {
    this.sessionId = sessionId;
    this.isStrict = isStrict;
    this.usedAt = now;
    this.listedAt = now;
  }

  /** True while no strict call waits or runs. */
  get isIdle(): boolean {
    return this.inFlight === 0 && (this.waiting?.size ?? 0) === 0;
  }

  /** True if its worker takes no more calls and has run some, even if its end is not known yet. */
  get isGone(): boolean {
    return this.hasRun && this.home?.hasLeft === true;
  }

  get fate(): Fate {
    const { home } = this;
    if (home === undefined || !home.hasLeft) return "open";
    if (home.end === undefined) return "undecided";
    if (!this.hasRun && this.opener?.attempt?.hasBegun === true) this.hasRun = true;
    return this.hasRun ? "lost" : "undecided";
  }

  /** Names its worker in the text of an error. */
  get workerText(): string {
    return "the worker of its session";
  }

  /** Returns the error of a call whose worker takes no more calls. */
  unavailable(tool: string): SnakedenError {
    return sessionWorkerUnavailable(tool, this);
  }

  /** Returns the error of a call that does not wait for its worker, which is busy. */
  busy(tool: string): SnakedenError {
    return workerBusy(tool, this);
  }
}
