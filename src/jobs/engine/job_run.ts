import { LoneSignal, type StopSignal } from "../../async/mod.ts";
import type { Log } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { OutputPipe, OutputSink } from "../../pool/mod.ts";
import type { Claim, End, Hold, JobExit, JobRow, Outcome, StoredLine } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import type { Run } from "../runners/mod.ts";
import { endLine, startLine } from "./run_lines.ts";
import { RunLog, type RunLogLimits } from "./run_log.ts";
import { type OutputNews, RunOutputs } from "./run_outputs.ts";

/**
 * The reason for which the engine has stopped a run; the first one counts.
 *
 * - `cancelled`: the job was cancelled.
 * - `lost`: its claim has ended, so another attempt may run. What this one does has no effect.
 * - `given_back`: no worker was free for it.
 * - `closing`: the host stops.
 */
export type StopCause = "cancelled" | "lost" | "given_back" | "closing";

/** The bytes of chunks that may wait to be written. A run that has more waits. */
const MAX_WAITING_BYTES = 256 * 1024;
/** The bytes of lines after which they are written at once, and after which the tool must wait. */
const LOG_FULL_BYTES = 256 * 1024;
const LOG_WAIT_BYTES = 1024 * 1024;
/** About the most bytes of lines that one hold brings, since they are copied in one turn. */
const LOG_HOLD_BYTES = 1024 * 1024;
/** The longest report of progress that is kept, as JSON. */
const MAX_PROGRESS_CHARS = 64 * 1024;

/** The latest time that a date can have, in milliseconds since 1970. */
const MAX_TIME = 8_640_000_000_000_000;

/** Dependencies of a {@link JobRun}. */
export interface JobRunDeps {
  readonly feed: JobFeed;
  /** False if no chunks are kept. */
  readonly keepsChunks: boolean;
  /** The limits of the log of a run; `maxBytes` 0 if no logs are kept. */
  readonly log: RunLogLimits;
  /** Called when a chunk, a line, or outputs wait to be written. */
  readonly onOutput: (run: JobRun) => void;
}

/**
 * One start of a job in this host: its claim, the news that the store has not heard yet, and the
 * signal that stops it.
 */
export class JobRun implements Run, OutputSink {
  readonly claim: Claim;
  /** True if it may wait for a worker, as a call does. */
  readonly mayWait: boolean;
  /** The time of its claim, on the clock of the engine. */
  readonly claimedAt: number;
  /** The time until which nobody else can have it, on the clock of the engine. */
  leaseUntil: number;
  /** A write of its news that is under way. */
  writing: Promise<void> | undefined;
  /** The time at which the last of these writes began, on the clock of the engine. */
  writingSince = 0;
  readonly #deps: JobRunDeps;
  readonly #stopSignal = new LoneSignal();
  /** Created when somebody needs its signal. */
  #controller: AbortController | undefined;
  #cause: StopCause | undefined;
  #hasBegun = false;
  #worker: string | undefined;
  #progress: unknown;
  #hasNews = false;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #chunkBytes = 0;
  #drained: PromiseWithResolvers<void> | undefined;
  /** Undefined until the run has outputs. */
  #outputs: RunOutputs | undefined;
  /** Undefined until the run has written a line. */
  #log: RunLog | undefined;
  #logDrained: PromiseWithResolvers<void> | undefined;
  #begunAt = 0;
  #hasEnded = false;

  constructor(
    claim: Claim,
    { now, leaseMs, mayWait, deps }: {
      readonly deps: JobRunDeps;
      readonly now: number;
      readonly leaseMs: number;
      readonly mayWait: boolean;
    },
  ) {
    this.claim = claim;
    this.mayWait = mayWait;
    this.claimedAt = now;
    this.leaseUntil = now + leaseMs;
    this.#deps = deps;
  }

  get job(): JobRow {
    return this.claim.job;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { aborted, reason } = this.#stopSignal;
      if (aborted) this.#controller.abort(reason);
    }
    return this.#controller.signal;
  }

  get stopSignal(): StopSignal {
    return this.#stopSignal;
  }

  /** The reason for which it was stopped; undefined if it was not. */
  get cause(): StopCause | undefined {
    return this.#cause;
  }

  /** True if the work has begun, as far as is known. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The worker and the last report of progress. */
  get live(): { readonly worker?: string; readonly progress?: unknown } {
    return {
      ...(this.#worker === undefined ? {} : { worker: this.#worker }),
      ...(this.#progress === undefined ? {} : { progress: this.#progress }),
    };
  }

  /** True if chunks wait to be written. */
  get hasChunks(): boolean {
    return this.#chunks.length > 0;
  }

  /** True if chunks, lines or outputs wait to be written. */
  get hasOutput(): boolean {
    return this.hasChunks || this.#log?.isEmpty === false || this.#outputs?.isEmpty === false;
  }

  /** True if outputs, or so many lines, wait that they must be written at once. */
  get isDue(): boolean {
    return this.#outputs?.isEmpty === false || (this.#log?.waitingBytes ?? 0) >= LOG_FULL_BYTES;
  }

  get output(): OutputSink | undefined {
    return this.#deps.log.maxBytes === 0 ? undefined : this;
  }

  get room(): Promise<void> | undefined {
    if ((this.#log?.waitingBytes ?? 0) < LOG_WAIT_BYTES) return undefined;
    if (this.#hasEnded || this.#cause !== undefined) return undefined;
    return (this.#logDrained ??= Promise.withResolvers()).promise;
  }

  /** Stops the work. */
  stop(cause: StopCause): void {
    if (this.#cause !== undefined) {
      // Whatever it was stopped for before, its outcome must not be written any more.
      if (cause === "lost") this.#lose();
      return;
    }
    this.#cause = cause;
    const reason = reasonOf(cause, this.job);
    this.#stopSignal.abort(reason);
    this.#controller?.abort(reason);
    this.#drained?.resolve();
    this.#logDrained?.resolve();
    if (cause === "lost") this.#lose();
  }

  begun(worker: string): void {
    this.#hasBegun = true;
    if (this.#worker === worker) return;
    this.#worker = worker;
    this.#begunAt = Date.now();
    this.#hasNews = true;
  }

  waits(): void {
    this.#hasBegun = false;
  }

  progress(report: unknown): void {
    this.#progress = report;
    this.#hasNews = true;
    const { id } = this.job;
    if (this.#deps.feed.hasListeners(id)) {
      this.#deps.feed.emit(id, { type: "progress", progress: report });
    }
  }

  async chunk(body: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.#deps.keepsChunks || this.#cause !== undefined) return;
    this.#chunks.push(body);
    this.#chunkBytes += body.byteLength;
    this.#deps.onOutput(this);
    if (this.#chunkBytes < MAX_WAITING_BYTES) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  async commit(news: OutputNews): Promise<void> {
    if (this.#cause === "lost") throw reasonOf("lost", this.job);
    const written = (this.#outputs ??= new RunOutputs()).add(news);
    this.#deps.onOutput(this);
    await written;
  }

  line(text: string, from: OutputPipe): void {
    this.#add({ at: Date.now(), source: from, text });
  }

  entry({ level, logger, message, time, dropped }: Log): void {
    if (dropped > 0) this.#startedLog()?.miss(dropped);
    this.#add({ at: timeOf(time), source: "log", level: levelOf(level), logger, text: message });
  }

  note(text: string): void {
    if (this.#deps.log.maxBytes === 0) return;
    this.#add({ at: Date.now(), source: "host", level: "info", text });
  }

  /** Says in the log how the run ends, if there is something to say. Nothing follows. */
  close(outcome: Outcome): void {
    const line = this.#deps.log.maxBytes === 0 ? undefined : endLine(this.job, outcome, this);
    const isOfLog = outcome.type === "failed" || this.#log !== undefined;
    if (line !== undefined && isOfLog) this.#add({ at: Date.now(), source: "host", ...line });
    this.#log?.close();
    this.#hasEnded = true;
    this.#logDrained?.resolve();
  }

  /** Takes the news to write with an extension of the lease. */
  hold(leaseMs: number): Hold {
    return { token: this.claim.token, leaseMs, ...this.#takeNews(LOG_HOLD_BYTES) };
  }

  /** Keeps the news of a {@link Hold} that was not written. */
  putBack({ chunks = [], logs = [] }: Hold): void {
    this.#hasNews = true;
    if (logs.length > 0) this.#log?.putBack(logs);
    this.#outputs?.putBack();
    this.#chunks.unshift(...chunks);
    for (const { byteLength } of chunks) this.#chunkBytes += byteLength;
  }

  /** Notes that the news of a {@link Hold} were written, so that more chunks may follow. */
  written(): void {
    this.#outputs?.written();
    if (this.#logDrained !== undefined && (this.#log?.waitingBytes ?? 0) < LOG_WAIT_BYTES) {
      this.#logDrained.resolve();
      this.#logDrained = undefined;
    }
    if (this.#chunkBytes >= MAX_WAITING_BYTES) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Returns the end of its claim, with the news that are left. */
  end(outcome: Outcome, exit?: JobExit): End {
    return {
      token: this.claim.token,
      ...this.#takeNews(),
      outcome,
      ...(exit === undefined ? {} : { exit }),
    };
  }

  #takeNews(maxLogBytes = Infinity): Omit<Hold, "token" | "leaseMs"> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    const logs = this.#log?.isEmpty === false ? this.#log.take(maxLogBytes) : undefined;
    const outputs = this.#outputs?.take();
    const hasOutput = chunks.length > 0 || logs !== undefined || outputs !== undefined;
    if (!this.#hasNews && !hasOutput) return {};
    this.#hasNews = false;
    return {
      ...(this.#worker === undefined ? {} : { worker: this.#worker }),
      ...(isShort(this.#progress) ? { progress: this.#progress } : {}),
      ...(chunks.length === 0 ? {} : { chunks }),
      ...(logs === undefined ? {} : { logs }),
      ...outputs,
    };
  }

  #lose(): void {
    this.#cause = "lost";
    this.#outputs?.lose(reasonOf("lost", this.job));
  }

  #add(line: StoredLine): void {
    const log = this.#startedLog();
    // Output may come late, such as that of a child process.
    if (log === undefined) return;
    log.add(line);
    this.#deps.onOutput(this);
  }

  /** Returns the log, which begins with the start of the run; undefined once the run has ended. */
  #startedLog(): RunLog | undefined {
    if (this.#hasEnded) return undefined;
    if (this.#log === undefined) {
      this.#log = new RunLog(this.#deps.log);
      if (this.#worker !== undefined) {
        this.#log.add({ at: this.#begunAt, source: "host", ...startLine(this.job, this.#worker) });
      }
    }
    return this.#log;
  }
}

/** Returns the time of an entry in milliseconds; the present one for a time that no date has. */
function timeOf(seconds: number): number {
  const at = Math.round(seconds * 1_000);
  return Math.abs(at) <= MAX_TIME ? at : Date.now();
}

/** Returns the name of a level of Python's logging. */
function levelOf(level: number): string {
  if (level >= 50) return "critical";
  if (level >= 40) return "error";
  if (level >= 30) return "warning";
  return level >= 20 ? "info" : "debug";
}

function reasonOf(cause: StopCause, { id, name }: JobRow): SnakedenError {
  switch (cause) {
    case "cancelled":
      return new SnakedenError("cancelled", `Cannot finish ${name}: its job ${id} was cancelled`);
    case "lost":
      return new SnakedenError(
        "host_lost",
        `Cannot finish ${name}: this host has lost its claim on the job ${id}`,
      );
    case "given_back":
      return new SnakedenError(
        "pool_saturated",
        `Cannot run ${name}: no worker is free for the job ${id}`,
        { retryable: true },
      );
    case "closing":
      return new SnakedenError(
        "shutting_down",
        `Cannot finish ${name}: the host that runs the job ${id} is stopping`,
        { retryable: true },
      );
  }
}

function isShort(progress: unknown): boolean {
  if (progress === undefined) return false;
  try {
    return JSON.stringify(progress).length <= MAX_PROGRESS_CHARS;
  } catch {
    return false;
  }
}
