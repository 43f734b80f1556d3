import type { SnakedenError, WorkerExit } from "../../errors.ts";
import type { Call } from "../calls/mod.ts";
import type { EndedWorker } from "./crash_record.ts";

/** A call that was in flight in a dead worker, as the policy sees it. */
export type JudgedCall = Pick<
  Call,
  "tool" | "args" | "state" | "hasFlowed" | "idempotent" | "isBound" | "items"
>;

/** A worker that ended, and the calls that were in flight in it. */
export interface EndedFlight<T extends JudgedCall> {
  readonly worker: EndedWorker;
  readonly exit: WorkerExit;
  /** The calls that may have run. */
  readonly lost: readonly T[];
  /** The calls that have not begun, in the order in which they would have. */
  readonly unstarted: readonly T[];
}

/** The consequence of a worker's end for one of its calls. */
export type Verdict =
  /** The call never began: it returns to its place in the queue, as if it had not been sent. */
  | { readonly action: "return" }
  /**
   * The call returns to its place in the queue, although it began or may have killed the worker. If
   * it leaves the queue unserved, it fails with `error`, or with the reason it left if there is
   * none.
   */
  | { readonly action: "rerun"; readonly error: SnakedenError | undefined }
  /** The call fails. */
  | { readonly action: "fail"; readonly error: SnakedenError }
  /** The call fails because it kills its workers, and calls like it are refused for a while. */
  | { readonly action: "poison"; readonly error: SnakedenError };

/** One call and the verdict on it. */
export interface Judgement<T extends JudgedCall> {
  readonly call: T;
  readonly verdict: Verdict;
}
