import type { Error as WireError, Log } from "./gen/link.js";
import type { AskListener } from "./open_asks.ts";
import type { Value } from "./values/mod.ts";

/**
 * Receives what a worker sends about one call. Exactly one of `onResult`, `onFailure` and
 * `onRecalled` is called, and it is called last.
 */
export interface CallListener extends AskListener {
  onResult(value: Value, runMs: number): void;
  onFailure(error: WireError, runMs: number): void;
  /** The worker gave the call back: it has not started the call and never will. */
  onRecalled(): void;
  onChunk(value: Value): void;
  onProgress(value: Value): void;
  /** The call has written into these pipes, and ends: 1 for stdout, 2 for stderr, 3 for both. */
  onPrinted?(pipes: number): void;
}

/** Events of a link other than those of calls. */
export interface LinkEvents {
  onLog(entry: Log): void;
  /** The worker has reported the resident memory of itself and its children. */
  onMemory?(rssBytes: number): void;
  /**
   * Called when the worker was asked to end by someone else, for example by the SIGTERM in
   * `reason`. The worker finishes its running calls.
   */
  onLeaving?(reason: string): void;
  /** The worker has imported a source file of the user. */
  onImported?(path: string): void;
  /** The stream has ended. Calls that are still open never get an answer. */
  onClosed(reason: string): void;
}
