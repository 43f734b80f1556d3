import { Alarms, type Clock, settlesWithin, type StopSignal } from "../../async/mod.ts";
import type { Value } from "../../bridge/mod.ts";
import { type ErrorCode, SnakedenError } from "../../errors.ts";
import {
  ItemFiles,
  MAX_PART_BYTES,
  type OpenFiles,
  PartSize,
  ranItem,
  withoutPlaces,
} from "../../map/mod.ts";
import type { CallWork, ItemOutcome } from "../../pool/mod.ts";
import type { JobError } from "../../store/mod.ts";
import { jobErrorOf } from "../failures/mod.ts";
import { checkpointOf, type Reached } from "./checkpoint.ts";
import type { BatchItem, ItemFeed } from "./item_feed.ts";
import { mayNeedFiles, type OpenedItems, openItems } from "./item_files.ts";
import { OpenItems } from "./open_items.ts";
import { OutputWriter, type OutputWriterDeps } from "./output_writer.ts";
import { Part, type RunBulk } from "./part.ts";
import { type BatchProgress, ProgressMeter } from "./progress.ts";
import { resultText } from "./result_lines.ts";

/** Dependencies of {@link BatchWork}. */
export interface BatchWorkDeps extends Omit<OutputWriterDeps, "checkpoint" | "onWritten"> {
  readonly feed: ItemFeed;
  readonly reached: Reached;
  readonly clock: Clock;
  readonly signal: StopSignal;
  readonly limits: { readonly maxItems: number; readonly maxResultBytes: number };
  /** Returns the most parts that may be under way. */
  readonly window: () => number;
  readonly bulk: RunBulk;
  readonly openFiles: OpenFiles;
  /** Returns the time after which an item is tried again; null if it is not. */
  readonly retryInMs: (attempt: number, error: JobError) => number | null;
  readonly onBegun: (worker: string) => void;
  /** Called when the pool takes no part, and nothing runs. */
  readonly onRefused: () => void;
  readonly onProgress: (progress: BatchProgress) => void;
}

/** Refusals of a pool that say nothing about the items. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  "pool_saturated",
  "pool_unhealthy",
  "device_unavailable",
  "shutting_down",
]);
/** The parts that are read ahead for each one that may be under way. */
const PARTS_AHEAD = 2;
/** The time after which a pool that has refused a part is asked again. */
const REFUSED_PAUSE_MS = 50;
/** The parts that may fail one after the other for a reason that is not of an item. */
const MAX_FAILED_PARTS = 3;
/** The longest wait for the output of the last parts. */
const OUTPUT_MS = 5_000;
/** The shortest time between two reports of progress. */
const REPORT_MS = 200;

/**
 * Runs the items of a batch: sends them to the workers of a pool in parts, some at a time, and
 * writes what came of each. An item that fails is tried again, or its error is written. When a
 * worker dies, that is the failure of the item that ran; the others of its part run again.
 */
export class BatchWork {
  readonly #deps: BatchWorkDeps;
  readonly #items: OpenItems;
  readonly #writer: OutputWriter;
  readonly #size = new PartSize();
  readonly #meter: ProgressMeter;
  readonly #bell = new Bell();
  readonly #alarms: Alarms;
  /** The parts that are under way. */
  readonly #underWay: Part[] = [];
  /** The output of parts that is still being read. */
  readonly #outputs = new Set<Promise<void>>();
  #reading = false;
  #pausedUntil = 0;
  #failedParts = 0;
  #reportedAt = -Infinity;
  /** The error with which the run fails, once what is under way has ended. */
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: BatchWorkDeps) {
    this.#deps = deps;
    const { feed, reached, clock } = deps;
    this.#items = new OpenItems(feed, reached);
    this.#alarms = new Alarms(clock);
    this.#meter = new ProgressMeter(clock, reached.done);
    this.#writer = new OutputWriter({
      ...deps,
      checkpoint: () => checkpointOf(this.#items.reached),
      onWritten: () => {
        this.#report();
        this.#bell.ring();
      },
    });
  }

  /**
   * Resolves when every item has ended, and what came of it is durable.
   *
   * @throws {unknown} The error for which not all items can run. What has ended is durable then,
   * unless the claim was lost.
   */
  async run(): Promise<void> {
    const { signal } = this.#deps;
    const stop = {
      handleEvent: () => {
        for (const it of [...this.#underWay]) it.stop(signal.reason);
        this.#bell.ring();
      },
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!this.#items.areOver || this.#underWay.length > 0) {
        if (!signal.aborted && this.#failure === undefined) this.#next();
        else if (this.#underWay.length === 0 && !this.#reading) break;
        await this.#bell.rung();
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#bell.close();
      this.#alarms[Symbol.dispose]();
    }
    await this.#writer.flush();
    await settlesWithin(Promise.all(this.#outputs), OUTPUT_MS);
    this.#report({ isLast: true });
    if (this.#failure !== undefined) throw this.#failure.error;
    if (signal.aborted) throw signal.reason;
  }

  /** Begins everything that can begin now. */
  #next(): void {
    const { clock, window } = this.#deps;
    try {
      this.#writer.throwIfFailed();
    } catch (error) {
      this.#fail(error);
      return;
    }
    const now = clock.now();
    const retryAt = this.#items.takeDue(now);
    while (this.#underWay.length < window() && this.#items.ready > 0 && !this.#writer.isFull) {
      if (now < this.#pausedUntil) break;
      const items = this.#takePart();
      if (items.length > 0) void this.#send(items);
    }
    const ahead = PARTS_AHEAD * this.#size.items * Math.max(1, window());
    if (!this.#reading && this.#items.wantMore(ahead)) void this.#read();
    const isPaused = now < this.#pausedUntil && this.#items.ready > 0;
    const wakeAt = Math.min(retryAt ?? Infinity, isPaused ? this.#pausedUntil : Infinity);
    if (wakeAt < Infinity) this.#bell.ringIn(wakeAt - now, clock);
    // All that was read could be over at once, without work under way.
    if (this.#items.ready > 0 && this.#underWay.length === 0 && !isPaused && !this.#writer.isFull) {
      this.#bell.ring();
    }
  }

  /** Takes the items of a part. Those that cannot be read end at once. */
  #takePart(): BatchItem[] {
    const { ready, isAtEnd } = this.#items;
    const share = isAtEnd ? Math.ceil(ready / Math.max(1, this.#deps.window())) : Infinity;
    const taken = this.#items.take(Math.min(this.#size.items, share), MAX_PART_BYTES);
    return taken.filter((item) => {
      if (item.args !== undefined) return true;
      const message = `Cannot read the item: ${item.problem}`;
      this.#endWithError(item, { code: "invalid_input", message });
      return false;
    });
  }

  async #read(): Promise<void> {
    this.#reading = true;
    try {
      await this.#items.read();
      const { feed, limits: { maxItems } } = this.#deps;
      if (feed.next > maxItems) throw tooMany(maxItems);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
      this.#bell.ring();
    }
  }

  async #send(given: readonly BatchItem[]): Promise<void> {
    const part = new Part();
    this.#underWay.push(part);
    try {
      if (!mayNeedFiles(given)) {
        const args: (string | Value)[] = [];
        for (const item of given) if (item.args !== undefined) args.push(item.args);
        return await this.#run({ items: given, args }, part);
      }
      using files = new ItemFiles(this.#deps.openFiles);
      const opened = await openItems(given, files, (item, error) => this.#itemFailed(item, error));
      if (part.signal.aborted) this.#items.putBack(opened.items);
      else if (opened.items.length > 0) await this.#run(opened, part);
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(part), 1);
      this.#bell.ring();
    }
  }

  /** Runs a part. Never throws. */
  async #run({ items, args }: OpenedItems, part: Part): Promise<void> {
    let ended = 0;
    let work: CallWork | undefined;
    try {
      const { runMs } = await part.run(args, {
        onSent: (sent) => {
          work = sent;
          this.#deps.onBegun(sent.workerId);
        },
        onOutcomes: (outcomes, first) => {
          for (const [i, outcome] of outcomes.entries()) {
            const item = items[first + i];
            if (item !== undefined) this.#outcome(item, outcome);
          }
          ended = first + outcomes.length;
          this.#writer.added();
          // The worker pauses until the store has caught up.
          return this.#writer.room();
        },
      }, { bulk: this.#deps.bulk, alarms: this.#alarms });
      this.#size.ran(items.length, runMs);
      this.#failedParts = 0;
    } catch (error) {
      this.#partFailed(items.slice(ended), { error, ended });
    }
    this.#readOutputOf(work);
  }

  /** Lets the run wait for the output of a part, which further parts need not. */
  #readOutputOf(work: CallWork | undefined): void {
    const read = work?.outputRead;
    if (read === undefined) return;
    this.#outputs.add(read);
    void read.finally(() => this.#outputs.delete(read));
  }

  #outcome(item: BatchItem, outcome: ItemOutcome): void {
    if (outcome instanceof SnakedenError) return this.#itemFailed(item, outcome);
    this.#endWithResult(item, outcome);
  }

  #endWithResult(item: BatchItem, result: string | Value): void {
    const { maxResultBytes } = this.#deps.limits;
    // What is too long by far is not even written.
    const length = typeof result === "string" ? result.length : result.weight;
    const text = length > maxResultBytes ? "" : resultText(result);
    const size = Math.max(length, text.length);
    if (size > maxResultBytes) {
      const message = `Cannot keep the result: it has ${size} bytes of JSON; allowed: at most ` +
        `${maxResultBytes} (jobs.maxResultBytes)`;
      return this.#endWithError(item, { code: "result_too_large", message });
    }
    this.#writer.lines.addResult(item.index, text);
    this.#items.ended(item, false);
  }

  #endWithError(item: BatchItem, error: JobError): void {
    this.#writer.lines.addError(item.index, error);
    this.#items.ended(item, true);
    this.#writer.added();
  }

  #itemFailed(item: BatchItem, error: unknown): void {
    const kept = jobErrorOf(error);
    const attempt = this.#items.attempted(item);
    const inMs = this.#deps.retryInMs(attempt, kept);
    if (inMs === null) this.#endWithError(item, kept);
    else this.#items.retryAt(item, this.#deps.clock.now() + inMs);
  }

  /** Notes that a part has failed, before these items of it have ended. */
  #partFailed(
    rest: readonly BatchItem[],
    { error, ended }: { readonly error: unknown; readonly ended: number },
  ): void {
    const { signal, clock } = this.#deps;
    if (signal.aborted) return;
    const ran = ranItem(error);
    const guilty = ran === undefined ? undefined : rest[ran - ended];
    if (guilty !== undefined) {
      this.#items.putBack(rest.filter((it) => it !== guilty));
      this.#failedParts = 0;
      return this.#itemFailed(guilty, withoutPlaces(error));
    }
    this.#items.putBack(rest);
    if (error instanceof SnakedenError && REFUSALS.has(error.code)) {
      this.#pausedUntil = clock.now() + REFUSED_PAUSE_MS;
      // The job waits in the store for a pool that takes nothing.
      if (this.#underWay.length === 1 && error.code !== "pool_saturated") {
        this.#deps.onRefused();
        this.#fail(error);
      }
      return;
    }
    this.#failedParts++;
    if (this.#failedParts >= MAX_FAILED_PARTS || isHopeless(error)) this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #report({ isLast = false } = {}): void {
    const { clock, feed, onProgress } = this.#deps;
    const now = clock.now();
    if (!isLast && now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    const { done, failed } = this.#items;
    const { total, readPart, next: read } = feed;
    onProgress(this.#meter.progress({ done, failed, total, read, readPart }));
  }
}

function isHopeless(error: unknown): boolean {
  return error instanceof SnakedenError &&
    (error.code === "unknown_tool" || error.code === "unknown_pool");
}

function tooMany(maxItems: number): SnakedenError {
  return new SnakedenError(
    "invalid_input",
    `Cannot run the batch: it has more than ${maxItems} items; allowed: at most that ` +
      "(jobs.maxBatchItems)",
  );
}

/** Wakes one who waits; a ring before the wait counts. */
class Bell {
  #next = Promise.withResolvers<void>();
  #cancelTimer: (() => void) | undefined;

  ring(): void {
    this.#next.resolve();
  }

  /** Rings after a time, instead of at the last one that was asked for. */
  ringIn(ms: number, clock: Clock): void {
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(Math.max(1, ms), () => this.ring());
  }

  async rung(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers<void>();
  }

  close(): void {
    this.#cancelTimer?.();
  }
}
