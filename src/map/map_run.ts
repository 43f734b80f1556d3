import { delay } from "../async/mod.ts";
import { mayNameFiles, type Value } from "../bridge/mod.ts";
import type { BulkOutcome, BulkWatch } from "../calls/mod.ts";
import { type ErrorCode, SnakedenError } from "../errors.ts";
import type { ItemOutcome } from "../pool/mod.ts";
import { type Items, ItemSource } from "./item_source.ts";
import { ItemFiles, type OpenFiles } from "./item_files.ts";
import type { MapItem } from "./map_item.ts";
import { MapPart } from "./map_part.ts";
import type { OwnOptions } from "./map_options.ts";
import { ranItem, withoutPlaces } from "./part_fault.ts";
import { MAX_PART_BYTES, PartSize } from "./part_size.ts";

/** Outcomes of items that follow each other; `from` is the index of the first one. */
export interface Outcomes {
  readonly from: number;
  readonly outcomes: readonly ItemOutcome[];
}

/** Dependencies of a {@link MapRun}. */
export interface MapRunDeps<T> {
  readonly items: Items<T>;
  readonly encode: (item: T) => MapItem;
  readonly options: OwnOptions;
  /** Runs items in one bulk call. */
  readonly bulk: (args: readonly (string | Value)[], watch: BulkWatch) => Promise<BulkOutcome>;
  /** Puts the files that arguments name in their places; undefined if they name none. */
  readonly openFiles: OpenFiles;
  /** Returns the most parts that may be under way. */
  readonly window: () => number;
  /** The times that an item may run again when its worker has died. */
  readonly reruns: () => number;
  /** True if a part that finds no free worker fails. */
  readonly failsWhenBusy: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The parts that are read ahead for each one that may be under way. */
const PARTS_AHEAD = 2;
/** The time after which a pool whose queue was full is asked again. */
const SATURATED_PAUSE_MS = 20;
/** The parts that may fail one after the other for a reason that is not of an item. */
const MAX_FAILURES = 3;

/**
 * One map that runs: sends the items to the workers of a pool in parts, some at a time, and hands
 * on what came of them. It begins with the first {@link MapRun.next}.
 *
 * Memory is bounded from both ends. Items are read as far as workers need some, and parts are begun
 * as long as no more than twice the window of them have outcomes that were not taken. A worker
 * pauses while a part has too many of these; but none does while the part whose turn it is waits
 * for a worker, which it might have to get from that one.
 */
export class MapRun<T> {
  readonly #deps: MapRunDeps<T>;
  readonly #source: ItemSource<T>;
  readonly #size = new PartSize();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** The parts whose outcomes were not all taken, in the order of their items. */
  readonly #parts: MapPart[] = [];
  #underWay = 0;
  /** The parts under way that no worker has taken yet. */
  #queued = 0;
  #next = 0;
  #failures = 0;
  #failure: { readonly error: unknown } | undefined;
  #news = Promise.withResolvers<void>();
  #hasBegun = false;

  constructor(deps: MapRunDeps<T>) {
    this.#deps = deps;
    const { items, encode, signal } = deps;
    this.#signal = signal === undefined
      ? this.#stop.signal
      : AbortSignal.any([signal, this.#stop.signal]);
    this.#source = new ItemSource({ items, encode, onNews: () => this.#onNews() });
  }

  /**
   * Returns what came of some further items; undefined at the end. One call at a time.
   *
   * @throws {unknown} The error with which the map fails, once all outcomes before it were taken;
   * that of the iterable; the reason of the signal.
   */
  async next(): Promise<Outcomes | undefined> {
    if (!this.#hasBegun) this.#begin();
    while (true) {
      if (this.#signal.aborted) throw this.#signal.reason;
      const taken = this.#take();
      if (taken !== undefined) return taken;
      if (this.#isOver) break;
      await this.#news.promise;
      this.#news = Promise.withResolvers<void>();
    }
    const failure = this.#failure ?? this.#source.failure;
    if (failure === undefined) return undefined;
    throw failure.error;
  }

  /** Ends the map: takes back what waits, and cancels what runs. */
  leave(reason: unknown): void {
    this.#source.leave();
    if (!this.#stop.signal.aborted) this.#stop.abort(reason);
    for (const part of this.#parts) part.release();
    this.#news.resolve();
  }

  /** True if no further outcome comes. */
  get #isOver(): boolean {
    if (this.#underWay > 0) return false;
    return this.#failure !== undefined || (this.#source.isAtEnd && this.#source.ready === 0);
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#signal.addEventListener("abort", () => this.leave(this.#signal.reason), { once: true });
    this.#pump();
  }

  #onNews(): void {
    this.#pump();
    this.#news.resolve();
  }

  /** Takes the outcomes whose turn it is. */
  #take(): Outcomes | undefined {
    const { ordered } = this.#deps.options;
    const part = ordered ? this.#parts[0] : this.#parts.find(({ waiting }) => waiting > 0);
    if (part === undefined || part.waiting === 0) return undefined;
    const taken = part.take();
    if (part.isTaken) {
      this.#parts.splice(this.#parts.indexOf(part), 1);
      this.#pump();
    }
    return taken;
  }

  /** Begins all parts that can begin, and has items read for further ones. */
  #pump(): void {
    if (!this.#hasBegun || this.#failure !== undefined || this.#signal.aborted) return;
    const window = this.#deps.window();
    const { batchSize } = this.#deps.options;
    const source = this.#source;
    while (this.#underWay < window && this.#parts.length < 2 * window && source.ready > 0) {
      const wanted = batchSize ?? this.#size.items;
      if (source.ready < wanted && !source.isAtEnd && !source.isSlow) break;
      // The last items are shared by all workers.
      const isLast = batchSize === undefined && source.isAtEnd;
      const share = isLast ? Math.ceil(source.ready / window) : Infinity;
      const part = new MapPart(this.#next, source.take(Math.min(wanted, share), MAX_PART_BYTES));
      this.#next += part.items.length;
      this.#parts.push(part);
      this.#underWay++;
      void this.#send(part);
    }
    source.want(PARTS_AHEAD * (batchSize ?? this.#size.items) * window);
  }

  async #send(part: MapPart): Promise<void> {
    try {
      while (part.ended < part.items.length) {
        try {
          await this.#run(part);
          this.#failures = 0;
        } catch (error) {
          if (this.#signal.aborted) throw error;
          await this.#failed(part, error);
        }
      }
    } catch (error) {
      this.#failure ??= { error };
      this.#source.leave();
      this.#releaseAll();
    } finally {
      this.#underWay--;
      this.#onNews();
    }
  }

  /** Runs the items of a part that have not ended, up to the next one that cannot run. */
  async #run(part: MapPart): Promise<void> {
    const { fault } = part;
    const rest = part.items.slice(part.ended, fault?.at);
    using files = new ItemFiles(this.#deps.openFiles);
    // Items that need no work are sent in the same turn.
    const { args, failure } = rest.every((it) => !(it instanceof Error) && !mayNameFiles(it))
      ? { args: rest as (string | Value)[], failure: fault?.error }
      : await sendable(rest, files);
    if (part.losses > 0) args.splice(1);
    if (args.length > 0) return await this.#runBulk(part, args);
    if (failure === undefined) return;
    part.add([failure]);
    this.#news.resolve();
  }

  async #runBulk(part: MapPart, args: readonly (string | Value)[]): Promise<void> {
    this.#queued++;
    this.#releaseAll();
    let waits = true;
    const taken = (): void => {
      if (waits) this.#queued--;
      waits = false;
    };
    try {
      const { runMs } = await this.#deps.bulk(args, {
        signal: this.#signal,
        onSent: taken,
        onOutcomes: (outcomes) => {
          part.add(outcomes);
          this.#news.resolve();
          return this.#mayPause ? part.room() : undefined;
        },
      });
      this.#size.ran(args.length, runMs);
    } finally {
      taken();
    }
  }

  /** True if a worker may wait until the reader has made room. */
  get #mayPause(): boolean {
    return this.#queued === 0 && this.#failure === undefined;
  }

  /** Lets all workers go on that wait for room, since a part may need one of them. */
  #releaseAll(): void {
    for (const part of this.#parts) part.release();
  }

  /**
   * Notes that the items of a part could not all run. Returns if the rest is to be sent again.
   *
   * @throws {unknown} The error, if it is that of the map.
   */
  async #failed(part: MapPart, error: unknown): Promise<void> {
    if (!(error instanceof SnakedenError)) throw error;
    const { outcomes = 0 } = error.details;
    const ran = ranItem(error);
    withoutPlaces(error);
    if (ran !== undefined) {
      this.#failures = 0;
      const at = part.ended + ran - Number(outcomes);
      // What came of those before it, if there are any, was lost with the worker.
      const isNext = at === part.ended;
      const mayRunAgain = isNext && error.code === "worker_crashed" &&
        part.losses < this.#deps.reruns();
      if (mayRunAgain) part.losses++;
      else part.fault = { at, error };
      return;
    }
    if (error.code === "pool_saturated" && !this.#deps.failsWhenBusy) {
      return await delay(SATURATED_PAUSE_MS, this.#signal);
    }
    if (FATAL.has(error.code) || ++this.#failures >= MAX_FAILURES) throw error;
  }
}

/** Errors that no further attempt changes. */
const FATAL: ReadonlySet<string> = new Set<ErrorCode>([
  "unknown_tool",
  "unknown_pool",
  "pool_unhealthy",
  "pool_saturated",
  "device_unavailable",
  "shutting_down",
  "invalid_input",
]);

/** Returns the arguments of items, up to the first one that cannot be sent, and its error. */
async function sendable(
  items: readonly MapItem[],
  files: ItemFiles,
): Promise<{ readonly args: (string | Value)[]; readonly failure?: SnakedenError }> {
  const args: (string | Value)[] = [];
  for (const item of items) {
    if (item instanceof Error) return { args, failure: item };
    try {
      args.push(await files.placed(item));
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      return { args, failure: error };
    }
  }
  return { args };
}
