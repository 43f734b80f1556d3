import { type Alarms, LoneSignal, type StopListener, type StopSignal } from "../../../async/mod.ts";
import type { Value } from "../../../bridge/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { FailureContext } from "../call_failure.ts";
import type { CallOutcome, ChunkSink } from "../call_request.ts";
import type { CallWork } from "../call_surroundings.ts";
import type { ChunkSource } from "../chunk_stream.ts";
import { DEADLINE_GRACE_MS, overran, StallWatch } from "../times/mod.ts";
import type { BulkNote } from "../bulk_note.ts";
import { type ItemOutcome, readOutcomes, unreadChunk } from "./item_outcome.ts";

/**
 * Receives outcomes of items, in order; `first` is the index of the first one. More come once the
 * promise that it returns has resolved, and the worker pauses when too many wait. What it throws
 * ends the call.
 */
export type OnOutcomes = (
  outcomes: readonly ItemOutcome[],
  first: number,
) => void | Promise<void>;

/** Options of an {@link OutcomeReader}. */
export interface OutcomeReaderOptions {
  readonly tool: string;
  /** The number of items. */
  readonly items: number;
  /** The time of each item. */
  readonly timeoutMs: number;
  /** The weight of chunks that may wait for `onOutcomes`. */
  readonly windowBytes: number;
  readonly alarms: Alarms;
  readonly onOutcomes: OnOutcomes;
  /** Stops the bulk call. */
  readonly signal?: StopSignal | undefined;
  /** The cure for a missing module, for the text of an error. */
  readonly moduleCure?: string | undefined;
}

/**
 * The reading end of a bulk call. It hands on the outcomes of items as they come, and gives credit
 * for them when they were taken.
 *
 * The worker keeps the deadline of each item. If no outcome comes for longer than that, the item
 * does not stop, and the whole call is stopped.
 */
export class OutcomeReader implements ChunkSink, StopListener {
  readonly windowBytes: number;
  /** Stops the call: it is that of the options, or an item does not stop. */
  readonly signal: LoneSignal = new LoneSignal();
  readonly #options: OutcomeReaderOptions;
  readonly #stall: StallWatch;
  readonly #createdAt: number;
  #sentAt = 0;
  #work: CallWork | undefined;
  #source: ChunkSource | undefined;
  #waiting: Value[] = [];
  /** The number of outcomes that were handed on. */
  #read = 0;
  /** Resolves when all outcomes that came were taken; undefined if none is on its way. */
  #taking: Promise<void> | undefined;
  /** The record of the worker when the call was stopped. */
  #note: BulkNote | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: OutcomeReaderOptions) {
    this.#options = options;
    const { windowBytes, alarms, tool, timeoutMs, signal } = options;
    this.windowBytes = windowBytes;
    this.#createdAt = alarms.now;
    this.#stall = new StallWatch({
      alarms,
      // The worker may wait as long as any outcome was not taken.
      windowBytes: 1,
      limitMs: timeoutMs + DEADLINE_GRACE_MS,
      hasBegun: () => this.#work?.hasBegun ?? false,
      onStall: () => {
        const workerId = this.#work?.workerId;
        this.#stop(overran({ tool, timeoutMs, workerId, hasBegun: true }));
      },
    });
    if (signal?.aborted) this.signal.abort(signal.reason);
    else signal?.addEventListener("abort", this, { once: true });
  }

  /** Called when the signal of the options has aborted. */
  handleEvent(): void {
    this.#stop(this.#options.signal?.reason);
  }

  /** Notes that the call is sent to a worker. */
  sent(work: CallWork): void {
    this.#work = work;
    this.#sentAt = this.#options.alarms.now;
    this.#stall.begin();
  }

  /**
   * Connects the call. Resolves with its outcome when all outcomes of items were taken, or rejects
   * with its error after that. A call that is stopped rejects when its worker has stopped it: of
   * its items, none but the one that ran may run again elsewhere.
   *
   * @throws {unknown} The error of the call. `details.outcomes` is the number of items whose
   * outcomes were handed on, and `details.item` the item that ran, if one did.
   */
  async attach(call: ChunkSource): Promise<CallOutcome> {
    this.#source = call;
    try {
      const outcome = await call.outcome;
      await this.#allTaken();
      this.#checkCount();
      return outcome;
    } catch (error) {
      this.#stall.end();
      await overOf(this.#work);
      await this.#allTaken();
      const note = this.#work?.bulkNote ?? this.#note;
      if (note !== undefined) await this.#handOnRest(note);
      if (error instanceof SnakedenError && error !== this.#options.signal?.reason) {
        error.addDetails(this.#factsOf(note));
      }
      throw error;
    } finally {
      this.close();
    }
  }

  /** Ends the watch, and leaves the signal of the options. */
  close(): void {
    this.#stall.end();
    this.#options.signal?.removeEventListener("abort", this);
  }

  onChunk(chunk: Value): void {
    if (this.#failure !== undefined) return;
    this.#stall.chunk(chunk.weight);
    this.#waiting.push(chunk);
    if (this.#taking === undefined) this.#handOn();
  }

  onProgress(): void {
    // A listener of the request gets it.
  }

  /** Hands on what waits, until `onOutcomes` returns a promise. */
  #handOn(): void {
    this.#taking = undefined;
    try {
      for (let chunk = this.#waiting.shift(); chunk; chunk = this.#waiting.shift()) {
        const { weight } = chunk;
        const outcomes = readOutcomes(chunk, this.#failureFacts);
        const first = this.#read;
        this.#read += outcomes.length;
        const taken = this.#options.onOutcomes(outcomes, first);
        if (taken instanceof Promise) {
          this.#taking = taken.then(() => this.#credit(weight)).then(
            () => this.#handOn(),
            (error) => this.#fail(error),
          );
          return;
        }
        this.#credit(weight);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Hands on outcomes that the worker has recorded and not sent. */
  async #handOnRest({ areas }: BulkNote): Promise<void> {
    const rest = unreadChunk(areas, this.#read);
    if (rest === undefined) return;
    this.#waiting.push(rest);
    this.#handOn();
    await this.#allTaken();
  }

  #stop(reason: unknown): void {
    this.#note = this.#work?.bulkNote;
    this.signal.abort(reason);
  }

  #credit(bytes: number): void {
    this.#stall.credit(bytes);
    this.#source?.credit(bytes);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting = [];
    this.#taking = undefined;
    this.signal.abort(error);
  }

  /** Resolves when all that came was taken. Throws what `onOutcomes` has thrown. */
  async #allTaken(): Promise<void> {
    while (this.#taking !== undefined) await this.#taking;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #checkCount(): void {
    const { tool, items } = this.#options;
    if (this.#read === items) return;
    throw new SnakedenError(
      "internal",
      `Cannot read what came of the items of ${tool}: the worker has sent ${this.#read} of ${items}`,
    );
  }

  readonly #failureFacts = (runMs: number): FailureContext => ({
    tool: this.#options.tool,
    workerId: this.#work?.workerId ?? "",
    timeoutMs: this.#options.timeoutMs,
    queueMs: this.#sentAt - this.#createdAt,
    runMs,
    moduleCure: this.#options.moduleCure,
  });

  /** Returns the facts that an error gets. */
  #factsOf(note: BulkNote | undefined): Readonly<Record<string, unknown>> {
    const outcomes = this.#read;
    if (note?.item === undefined || outcomes >= this.#options.items) return { outcomes };
    return { outcomes, item: Math.max(note.item, outcomes) };
  }
}

/** Resolves when the work is over, which may be some time after its call has failed. */
async function overOf(work: CallWork | undefined): Promise<void> {
  if (work === undefined || work.isOver) return;
  await new Promise<void>((resolve) => work.onOver = resolve);
}
