import type { SnakedenError, WorkerExit } from "../../errors.ts";
import type { Call } from "../calls/mod.ts";
import type { EndedWorker } from "./crash_record.ts";

/** What is seen of a call that was in flight in a worker that ended. */
export type JudgedCall = Pick<Call, "tool" | "args" | "state" | "hasChunk" | "idempotent">;

/** A worker that ended, and the calls that were in flight in it. */
export interface EndedFlight<T extends JudgedCall> {
  readonly worker: EndedWorker;
  readonly exit: WorkerExit;
  /** Calls that may have run. */
  readonly lost: readonly T[];
  /** Calls that have not begun, in the order in which they would have. */
  readonly unstarted: readonly T[];
}

/** What becomes of a call whose worker ended. */
export type Verdict =
  /** It never began: it goes back to its place in the queue, as if it had not been sent. */
  | { readonly action: "return" }
  /**
   * It goes back to its place in the queue, though it began or may have ended the worker. If it
   * leaves the queue unserved it fails with `error`, or with the reason it left when there is none.
   */
  | { readonly action: "rerun"; readonly error: SnakedenError | undefined }
  /** It fails. */
  | { readonly action: "fail"; readonly error: SnakedenError }
  /** It fails because it ends its workers, and calls like it are refused for a while. */
  | { readonly action: "poison"; readonly error: SnakedenError };

/** One call and what becomes of it. */
export interface Judgement<T extends JudgedCall> {
  readonly call: T;
  readonly verdict: Verdict;
}
