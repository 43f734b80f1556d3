import type { Alarm } from "../../async/mod.ts";
import type { WorkerExit } from "../../errors.ts";
import type { Worker } from "../workers/mod.ts";
import type { Slot } from "./slot.ts";

/**
 * A worker in its slot, from when it is ready until it has exited. A successor takes over the slot
 * while the worker may still have calls to finish. The slot becomes empty when the worker vacates
 * it or exits, and no successor is on its way.
 */
export class Occupancy {
  readonly slot: Slot;
  readonly worker: Worker;
  /** Rings when the worker has reached its age limit; undefined if there is none. */
  ageAlarm: Alarm | undefined;
  /** Resolves when the worker has exited. */
  readonly exited: Promise<void>;
  /**
   * Resolves when the worker no longer holds the slot, with the occupancy of its successor if there
   * is one.
   */
  readonly next: Promise<Occupancy | undefined>;
  readonly #ended = new AbortController();
  readonly #resolveNext: (next: Occupancy | undefined) => void;
  #successor: Promise<Occupancy | undefined> | undefined;

  /** @param onExit Called when the worker has exited. */
  constructor(
    slot: Slot,
    worker: Worker,
    onExit: (occupancy: Occupancy, exit: WorkerExit) => void,
  ) {
    this.slot = slot;
    this.worker = worker;
    const { promise, resolve } = Promise.withResolvers<Occupancy | undefined>();
    this.next = promise;
    this.#resolveNext = resolve;
    this.exited = this.#untilExit(onExit);
  }

  /** Aborts when the worker has exited. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** True once a successor is on its way, or the worker was asked to end. */
  get isEnding(): boolean {
    return this.#successor !== undefined;
  }

  /**
   * Hands the slot over when `successor` resolves. If it resolves to undefined, the worker keeps
   * the slot.
   */
  handOn(successor: Promise<Occupancy | undefined>): void {
    this.#successor = successor;
    void successor.then((next) => next !== undefined && this.#resolveNext(next));
  }

  /**
   * Keeps the slot until the worker has exited. It is empty then, unless a successor is on its way.
   */
  retire(): void {
    this.#successor ??= Promise.resolve(undefined);
  }

  /**
   * Gives the slot up before the worker has exited: to the successor that is on its way, or to
   * nobody.
   */
  vacate(): void {
    this.#successor ??= Promise.resolve(undefined);
    void this.#successor.then(this.#resolveNext);
  }

  async #untilExit(onExit: (occupancy: Occupancy, exit: WorkerExit) => void): Promise<void> {
    const exit = await this.worker.died();
    this.#ended.abort();
    onExit(this, exit);
    // What still refers to the worker must not keep its last calls, with their arguments.
    this.worker.inFlightAtExit = { lost: [], unstarted: [] };
    // A successor that is already starting still takes the slot.
    void Promise.resolve(this.#successor).then(this.#resolveNext);
  }
}
