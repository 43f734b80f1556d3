import { getLogger } from "../../../log.ts";
import type { Attempt } from "../../calls/mod.ts";
import type { CallWindow, InFlightAtExit } from "../../profiles/mod.ts";
import type { LaunchedWorker } from "../launchers/mod.ts";
import { drainWindow } from "./bulk_notes.ts";

/**
 * The calls that a worker was sent and has not ended. One that was asked to stop and does not is
 * *stuck*: it keeps its place, and the worker waits for it no longer. The calls beside it go on.
 */
export class CallsInFlight {
  /** The calls, by what they do. */
  readonly window: CallWindow<Attempt>;
  readonly #stuck = new Set<Attempt>();
  #done: PromiseWithResolvers<void> | undefined;

  constructor(window: CallWindow<Attempt>) {
    this.window = window;
  }

  /** The reason to replace the worker because of a call that does not stop, if there is one. */
  get stuckCause(): { readonly code: "call_stuck"; readonly text: string } | undefined {
    const [attempt] = this.#stuck;
    if (attempt === undefined) return undefined;
    const { tool } = attempt.call;
    return { code: "call_stuck", text: `${tool} did not stop when it was told to` };
  }

  /** Removes a call that has ended. Returns true if none is left. */
  free(attempt: Attempt): boolean {
    this.window.remove(attempt, attempt.endedAt);
    this.#stuck.delete(attempt);
    this.#notify();
    return this.window.size === 0;
  }

  /**
   * Gives a call up that has not stopped `graceMs` after it was told to. Returns false if no other
   * one runs beside it.
   */
  giveUp(attempt: Attempt, graceMs: number): boolean {
    this.#stuck.add(attempt);
    this.#notify();
    const runOthers = this.window.begun.some((it) => !this.#stuck.has(it));
    const { workerId, call: { tool } } = attempt;
    const effect = runOthers
      ? `${workerId} has lost a place and is replaced`
      : `killing ${workerId}`;
    getLogger("pool").warn(
      "{effect}: {tool} did not stop within {graceMs} ms after it was cancelled",
      { effect, workerId, tool, graceMs },
    );
    return runOthers;
  }

  /** Removes all calls of a dead worker, which may be kept for long. */
  drain(launched: LaunchedWorker, readToEnd: boolean): InFlightAtExit<Attempt> {
    this.#stuck.clear();
    return drainWindow(this.window, launched, readToEnd);
  }

  /** Resolves when all calls have ended that may still end, or when one of `over` resolves. */
  async ended(over: readonly Promise<unknown>[]): Promise<void> {
    if (this.#isDone) return;
    this.#done ??= Promise.withResolvers();
    await Promise.race([this.#done.promise, ...over]);
  }

  get #isDone(): boolean {
    return this.window.size === this.#stuck.size;
  }

  #notify(): void {
    if (this.#isDone) this.#done?.resolve();
  }
}
