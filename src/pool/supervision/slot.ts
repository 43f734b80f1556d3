import { type Alarm, Backoff } from "../../async/mod.ts";
import type { WorkerExit } from "../../errors.ts";
import type { Worker } from "../workers/mod.ts";
import { PAUSES, type StartBackoff } from "./start_backoff.ts";

/**
 * A worker in its place, from when it is ready until it is gone. The place passes on when a successor takes over, while
 * the worker itself may still have work to finish; or it becomes empty when the worker dies and nobody has.
 */
export class Slot implements Alarm {
  alarmSlot: Alarm["alarmSlot"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly worker: Worker;
  /** When the place may be filled again. */
  readonly starts: StartBackoff;
  /** When a worker of the place may be replaced again that was worn soon. */
  renewals = new Backoff(PAUSES);
  /** Its worker has reached its age. */
  onAlarm: () => void = () => {};
  /** Resolves when the worker is gone. */
  readonly over: Promise<void>;
  /** Resolves when the worker holds the place no more: with who does, if anybody. */
  readonly handedOn: Promise<Slot | undefined>;
  readonly #ended = new AbortController();
  readonly #handOn: (heir: Slot | undefined) => void;
  #passing: Promise<Slot | undefined> | undefined;

  /** @param bury Called when the worker is gone. */
  constructor(worker: Worker, starts: StartBackoff, bury: (exit: WorkerExit) => void) {
    this.worker = worker;
    this.starts = starts;
    const { promise, resolve } = Promise.withResolvers<Slot | undefined>();
    this.handedOn = promise;
    this.#handOn = resolve;
    this.over = this.#untilOver(bury);
  }

  /** Aborts when the worker is gone. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** True when somebody was asked to take over. */
  get isPassing(): boolean {
    return this.#passing !== undefined;
  }

  /** Passes the place on to who takes over; to nobody when the worker ends before. */
  pass(to: Promise<Slot | undefined>): void {
    this.#passing = to;
    void to.then((heir) => heir !== undefined && this.#handOn(heir));
  }

  /** Vacates the place before the worker is gone, unless a successor was asked to take over. */
  vacate(): void {
    if (!this.isPassing) this.#passing = Promise.resolve(undefined);
    void this.#passing?.then(this.#handOn);
  }

  async #untilOver(bury: (exit: WorkerExit) => void): Promise<void> {
    const exit = await this.worker.died();
    this.#ended.abort();
    bury(exit);
    // A successor that is starting takes the place all the same.
    void Promise.resolve(this.#passing).then(this.#handOn);
  }
}
