import { setImmediate } from "node:timers";
import { Backoff, type Clock, Condition } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { End, EndAnswer, HeldBlob, JobStore } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import { logFailure, logReturn } from "./failure_log.ts";
import type { JobRun } from "./job_run.ts";
import type { ResultBlobs } from "./result_blobs.ts";

/** The most bytes of results that are kept while the store cannot be written. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024;
const BACKOFF = { baseMs: 100, capMs: 2_000 };

/** Dependencies of {@link Finisher}. */
export interface FinisherDeps {
  readonly store: Pick<JobStore, "finish">;
  readonly blobs: Pick<ResultBlobs, "drop">;
  readonly feed: JobFeed;
  readonly clock: Clock;
}

/** An end that the store has not confirmed. */
interface Unwritten {
  readonly run: JobRun;
  readonly end: End;
  /** The blob of its result, which has no name before the end is written. */
  readonly blob: HeldBlob | undefined;
}

/**
 * Writes the ends of runs: those of one turn of the event loop together. If the store cannot be
 * written, they are kept and written again, each until its lease ends; then somebody else may have
 * the job.
 */
export class Finisher implements Disposable {
  readonly #deps: FinisherDeps;
  readonly #backoff = new Backoff(BACKOFF);
  readonly #changed = new Condition();
  #pending: Unwritten[] = [];
  #isScheduled = false;
  #isClosed = false;
  #kept: Unwritten[] = [];
  #keptBytes = 0;
  #writing = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(deps: FinisherDeps) {
    this.#deps = deps;
  }

  /** Writes the end of a run, soon; `blob` is held until then. */
  add(run: JobRun, end: End, blob?: HeldBlob): void {
    this.#pending.push({ run, end, blob });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Resolves when every end was written or given up. */
  async flushed(): Promise<void> {
    await this.#changed.until(() =>
      this.#pending.length === 0 && this.#kept.length === 0 && this.#writing === 0
    );
  }

  /** Gives up what was not written. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    for (const item of this.#kept) this.#giveUp(item, "the host has stopped");
    this.#kept = [];
    this.#changed.notify();
  }

  #flush(): void {
    this.#isScheduled = false;
    const ends = this.#pending;
    this.#pending = [];
    void this.#write(ends);
  }

  async #write(items: readonly Unwritten[]): Promise<void> {
    this.#writing++;
    try {
      const answers = await this.#deps.store.finish(items.map(({ end }) => end));
      this.#backoff.reset();
      for (const [i, item] of items.entries()) this.#answered(item, answers[i]);
    } catch (error) {
      this.#failed(items, error);
    } finally {
      this.#writing--;
      this.#changed.notify();
    }
  }

  #answered({ run, end: { outcome }, blob }: Unwritten, answer: EndAnswer | undefined): void {
    const { job } = run;
    if (answer?.answer === "done") {
      blob?.[Symbol.dispose]();
      const { feed } = this.#deps;
      if (outcome.type === "failed") {
        logFailure({ ...outcome, job, workerId: run.live.worker, state: answer.state });
      } else if ("inMs" in outcome) logReturn(job, outcome);
      if (feed.hasListeners(job.id)) feed.emit(job.id, { type: "state", state: answer.state });
      return;
    }
    this.#drop(blob);
    getLogger("jobs").warn(
      "the outcome of {tool} is dropped: this host had lost its claim on the job {id}",
      { tool: job.name, id: job.id },
    );
  }

  #failed(items: readonly Unwritten[], error: unknown): void {
    if (this.#backoff.failures === 0) {
      getLogger("jobs").warn("cannot write the outcomes of jobs; trying again: {problem}", {
        problem: messageOf(error),
      });
    }
    for (const item of items) {
      const bytes = bytesOf(item);
      const why = this.#refusal(item, bytes);
      if (why !== undefined) {
        this.#giveUp(item, why);
        continue;
      }
      this.#kept.push(item);
      this.#keptBytes += bytes;
    }
    if (this.#kept.length === 0) return;
    this.#cancelRetry ??= this.#deps.clock.after(this.#backoff.failed(), () => this.#retry());
  }

  /** Returns why an end is not kept for another try; undefined if it is. */
  #refusal({ run }: Unwritten, bytes: number): string | undefined {
    if (this.#isClosed) return "the host has stopped";
    if (this.#deps.clock.now() >= run.leaseUntil) return "its lease has ended";
    if (this.#keptBytes + bytes > MAX_KEPT_BYTES) return "too many results wait for the store";
    return undefined;
  }

  #retry(): void {
    this.#cancelRetry = undefined;
    const items = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    // Each alone, so that one that the store refuses does not keep the others.
    for (const item of items) void this.#write([item]);
  }

  #drop(blob: HeldBlob | undefined): void {
    if (blob === undefined) return;
    this.#writing++;
    void this.#deps.blobs.drop(blob).finally(() => {
      this.#writing--;
      this.#changed.notify();
    });
  }

  #giveUp({ run: { job }, blob }: Unwritten, why: string): void {
    this.#drop(blob);
    getLogger("jobs").error("the outcome of {tool} is lost, and the job {id} runs again: {why}", {
      tool: job.name,
      id: job.id,
      why,
    });
  }
}

function bytesOf({ end: { outcome, chunks = [] } }: Unwritten): number {
  const hasBytes = outcome.type === "completed" && outcome.result instanceof Uint8Array;
  let bytes = hasBytes ? outcome.result.byteLength : 0;
  for (const { byteLength } of chunks) bytes += byteLength;
  return bytes;
}
