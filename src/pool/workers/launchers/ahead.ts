import { type Clock, delay, Semaphore, SYSTEM_CLOCK } from "../../../async/mod.ts";
import { messageOf, SnakedenError } from "../../../errors.ts";
import { getLogger } from "../../../log.ts";
import { HeldEvents } from "./held_events.ts";
import type { LaunchedWorker, Launcher, LauncherInfo, LaunchSpec } from "./launcher.ts";

/** A worker that is ready ahead is ended when its slot has not taken it in this time. */
const UNWANTED_MS = 2_000;

/** Options of an {@link AheadLauncher}. */
export interface AheadOptions {
  /** The most workers that start ahead at a time. */
  readonly startConcurrency: number;
  readonly clock?: Clock;
}

/** A worker that starts, or is ready, before it is wanted. */
interface Ahead {
  readonly incarnation: string;
  readonly events: HeldEvents;
  readonly launched: Promise<LaunchedWorker>;
  readonly giveUp: AbortController;
  /** Aborts when a slot has taken it, or it is given up. */
  readonly taken: AbortController;
}

/**
 * Keeps one worker ready for each slot besides the one that serves, so that the next launch in the
 * slot takes no time. Used for workers that run one call each.
 *
 * A worker that is ready ahead belongs to nobody: what it says is held back until it is launched.
 * It has an incarnation of its own, which it keeps. It ends with its slot, or when the code
 * changes.
 */
export class AheadLauncher implements Launcher {
  readonly #log = getLogger("pool");
  readonly #inner: Launcher;
  readonly #turns: Semaphore;
  readonly #clock: Clock;
  /** The worker of each slot that was launched last, until it has ended. */
  readonly #last = new Map<string, LaunchedWorker>();
  readonly #ahead = new Map<string, Ahead>();
  readonly #ending = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(inner: Launcher, { startConcurrency, clock = SYSTEM_CLOCK }: AheadOptions) {
    this.#inner = inner;
    this.#clock = clock;
    this.#turns = new Semaphore(startConcurrency);
  }

  get info(): LauncherInfo | undefined {
    return this.#inner.info;
  }

  /** The number of workers that start, or are ready, ahead. */
  get ahead(): number {
    return this.#ahead.size;
  }

  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    const launched = await this.#launch(spec, signal);
    this.#startAhead(spec);
    this.#last.set(spec.workerId, launched);
    void launched.process.exited.then(() => this.#ended(spec, launched));
    return launched;
  }

  prepare(): void {
    this.#inner.prepare?.();
  }

  renew(): void {
    this.#inner.renew?.();
    for (const workerId of [...this.#ahead.keys()]) this.#discard(workerId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const workerId of [...this.#ahead.keys()]) this.#discard(workerId);
    await Promise.all(this.#ending);
    await this.#inner.close?.();
  }

  async #launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    const ahead = this.#ahead.get(spec.workerId);
    if (ahead === undefined) return await this.#inner.launch(spec, signal);
    this.#forget(spec.workerId, ahead);
    const { incarnation, events, giveUp } = ahead;
    const onAbort = (): void => giveUp.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const launched = await ahead.launched;
      if (launched.link.closedReason === undefined) {
        events.release(spec);
        return { ...launched, incarnation };
      }
      await launched.process.kill();
    } catch (error) {
      this.#end(ahead);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    // It ended before it was given a call.
    this.#end(ahead);
    return await this.#inner.launch(spec, signal);
  }

  #startAhead({ workerId, callPrefix, place }: LaunchSpec): void {
    if (this.#isClosed || this.#ahead.has(workerId)) return;
    const events = new HeldEvents();
    const giveUp = new AbortController();
    const incarnation = `${workerId}.${crypto.randomUUID()}`;
    const spec: LaunchSpec = {
      workerId,
      incarnation,
      place,
      events,
      ...events.listeners,
      ...(callPrefix === undefined ? {} : { callPrefix }),
    };
    const launched = this.#turns.enter(
      () => this.#inner.launch(spec, giveUp.signal),
      giveUp.signal,
    );
    const ahead: Ahead = { incarnation, events, launched, giveUp, taken: new AbortController() };
    this.#ahead.set(workerId, ahead);
    launched.then(
      ({ process }) => {
        for (const useless of [process.exited, process.orphaned]) {
          void useless?.then(() => this.#endIfAhead(workerId, ahead));
        }
      },
      (error) => {
        this.#forget(workerId, ahead);
        if (giveUp.signal.aborted) return;
        // The slot itself starts one, and says what is wrong.
        this.#log.debug("{problem}", { problem: messageOf(error), workerId });
      },
    );
  }

  /** Ends what is ready for a slot that starts no worker after the end of the last one. */
  async #ended({ workerId }: LaunchSpec, launched: LaunchedWorker): Promise<void> {
    if (this.#last.get(workerId) !== launched) return;
    this.#last.delete(workerId);
    const ahead = this.#ahead.get(workerId);
    if (ahead === undefined) return;
    await delay(UNWANTED_MS, ahead.taken.signal, { clock: this.#clock });
    this.#endIfAhead(workerId, ahead);
  }

  /** Ends a worker, or what is left of it, unless a slot has taken it. */
  #endIfAhead(workerId: string, ahead: Ahead): void {
    if (this.#ahead.get(workerId) === ahead) this.#discard(workerId);
  }

  #forget(workerId: string, ahead: Ahead): void {
    if (this.#ahead.get(workerId) === ahead) this.#ahead.delete(workerId);
    ahead.taken.abort();
  }

  #discard(workerId: string): void {
    const ahead = this.#ahead.get(workerId);
    if (ahead === undefined) return;
    this.#forget(workerId, ahead);
    this.#end(ahead);
  }

  #end({ giveUp, launched }: Ahead): void {
    giveUp.abort(new SnakedenError("shutting_down", "A worker was started ahead for nobody"));
    const ended = launched.then(
      async ({ link, process, progress, record }) => {
        link.close();
        await process.kill();
        progress?.[Symbol.dispose]();
        record?.[Symbol.dispose]();
      },
      () => {},
    );
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
  }
}
