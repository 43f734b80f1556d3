import type {
  CallJob,
  CallOptions,
  Job,
  JobAttempt,
  JobError,
  JobEvent,
} from "../../client/mod.ts";
import { type ErrorCode, PythonError, SnakedenError } from "../../errors.ts";
import { isCurable } from "../../curable.ts";
import { typedError } from "../../typed_error.ts";
import type { FakeRun } from "./fake_run.ts";
import { travelled } from "./travel.ts";

/** The attempts of a job that names none, as in the default configuration. */
const MAX_ATTEMPTS = 3;

/** Begins a call of a tool of the fake den. */
export type BeginCall = (
  tool: string,
  args: Readonly<Record<string, unknown>>,
  options: CallOptions,
) => FakeRun;

/** An event that is kept. */
type StoredEvent = Extract<JobEvent, { readonly type: "chunk" | "end" }>;

/** A job of a fake den. Its attempts follow each other at once, without pauses. */
export class FakeJob {
  readonly id: string;
  readonly pool: string;
  readonly createdAt = new Date().toISOString();
  readonly queue: string;
  readonly #begin: BeginCall;
  readonly #attempts: JobAttempt[] = [];
  #stored: StoredEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #input: CallJob;
  #state: Job["state"] = "available";
  #attempt = 0;
  #maxAttempts: number;
  #run = 0;
  #seq = 0;
  #startedAt: string | undefined;
  #finishedAt: string | undefined;
  #progress: { readonly value: unknown } | undefined;
  #result: { readonly value: unknown } | undefined;
  #error: JobError | undefined;
  #cancelReason: string | undefined;
  #running: AbortController | undefined;

  constructor({ id, input, pool, begin }: {
    readonly id: string;
    readonly input: CallJob;
    readonly pool: string;
    readonly begin: BeginCall;
  }) {
    this.id = id;
    this.pool = input.pool ?? pool;
    this.queue = input.queue ?? "default";
    this.#begin = begin;
    this.#input = input;
    this.#maxAttempts = input.maxAttempts ?? MAX_ATTEMPTS;
  }

  get state(): Job["state"] {
    return this.#state;
  }

  /** True if the job waits for its start. */
  get isWaiting(): boolean {
    return this.#state === "available";
  }

  get isDone(): boolean {
    return !this.isWaiting && this.#state !== "running" && this.#state !== "retryable";
  }

  get input(): CallJob {
    return this.#input;
  }

  /** Gives a waiting job other arguments and options. */
  replace(input: CallJob): void {
    this.#input = input;
    this.#maxAttempts = input.maxAttempts ?? MAX_ATTEMPTS;
  }

  /** Returns the job as it is now. */
  view(): Job {
    const { tool, priority = 0, tags = [], metadata = {}, kind = "call", sessionId } = this.#input;
    const isRunning = this.#state === "running";
    return {
      id: this.id,
      kind,
      queue: this.queue,
      state: this.#state,
      done: this.isDone,
      priority,
      tool,
      ...(sessionId === undefined ? {} : { sessionId }),
      pool: this.pool,
      tags: [...tags],
      metadata: travelled(metadata, "metadata") as Job["metadata"],
      attempt: this.#attempt,
      maxAttempts: this.#maxAttempts,
      createdAt: this.createdAt,
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      ...(this.#finishedAt === undefined ? {} : { finishedAt: this.#finishedAt }),
      ...(isRunning ? { worker: "fake-1" } : {}),
      ...(this.#progress === undefined ? {} : { progress: this.#progress.value }),
      ...(this.isWaiting ? { waitingFor: pausedQueue(this.queue) } : {}),
      ...(isRunning && this.#cancelReason !== undefined ? { cancelling: true } : {}),
      ...(this.#cancelReason === undefined || this.#cancelReason === ""
        ? {}
        : { cancelReason: this.#cancelReason }),
      ...(this.#result === undefined ? {} : { result: this.result() }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      attempts: [...this.#attempts],
    };
  }

  /** Runs the job to its end. Never rejects. */
  async run(): Promise<void> {
    this.#error =
      this.#result =
      this.#finishedAt =
      this.#cancelReason =
        undefined;
    while (!this.isDone) {
      const startedAt = new Date();
      this.#startedAt = startedAt.toISOString();
      this.#attempt++;
      this.#run++;
      this.#running = new AbortController();
      this.#to("running");
      const error = await this.#attemptOnce(this.#running.signal);
      this.#running = undefined;
      this.#note(startedAt, error);
      if (error === undefined) this.#end("completed");
      else if (this.#cancelReason !== undefined) this.#end("cancelled");
      else if (this.#mayRetry(error)) this.#to("retryable");
      else this.#end("discarded");
    }
  }

  /** Cancels the job, unless it has ended. */
  cancel(reason = ""): void {
    if (this.isDone) return;
    this.#cancelReason = reason;
    if (this.#running === undefined) return this.#end("cancelled");
    const text = reason === "" ? "The job was cancelled" : `The job was cancelled: ${reason}`;
    this.#running.abort(new SnakedenError("cancelled", text));
  }

  /** Makes a job that does not run wait again; it gets one more attempt if it has none left. */
  revive(): void {
    this.#maxAttempts = Math.max(this.#maxAttempts, this.#attempt + 1);
    this.#error =
      this.#result =
      this.#finishedAt =
      this.#cancelReason =
        undefined;
    this.#stored = this.#stored.filter(({ type }) => type !== "end");
    this.#to("available");
  }

  /** Returns the result, of which each caller gets a copy. Throws the error of the job. */
  result(): unknown {
    if (this.#result !== undefined) return travelled(this.#result.value, "result");
    if (!this.isDone) {
      const text = `The job ${this.id} has no result: it is ${this.#state}; wait for it, ` +
        "or ask again later";
      throw new SnakedenError("job_unfinished", text, {
        retryable: true,
        details: { jobId: this.id, state: this.#state },
      });
    }
    throw errorOf(this.id, this.#error, this.#cancelReason);
  }

  /** Returns the first kept event behind a position. */
  eventAfter(position: number): StoredEvent | undefined {
    return this.#stored.find(({ id }) => id > position);
  }

  /** The last report of progress, as an object of its own. */
  get progress(): { readonly value: unknown } | undefined {
    return this.#progress;
  }

  /** Calls `listener` after each change; returns a function that ends that. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes one attempt; returns its error. */
  async #attemptOnce(signal: AbortSignal): Promise<unknown> {
    const { tool, args = {}, timeoutMs, stallTimeoutMs, sessionId } = this.#input;
    const chunks: unknown[] = [];
    try {
      const run = this.#begin(tool, args, {
        pool: this.pool,
        signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(stallTimeoutMs === undefined ? {} : { stallTimeoutMs }),
        ...(sessionId === undefined ? {} : { sessionId }),
      });
      for (let event = await run.next(); event !== undefined; event = await run.next()) {
        const value = event.value.decode();
        if (event.type === "done") this.#result = { value: run.streams ? chunks : value };
        else if (event.type === "progress") this.#progress = { value };
        else {
          chunks.push(value);
          this.#stored.push({ type: "chunk", id: ++this.#seq, run: this.#run, value });
        }
        this.#notify();
      }
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #note(startedAt: Date, error: unknown): void {
    const finishedAt = new Date();
    const outcome = error === undefined
      ? "completed"
      : this.#cancelReason === undefined
      ? "failed"
      : "cancelled";
    const failure = outcome === "failed" ? jobErrorOf(error) : undefined;
    this.#error = failure;
    this.#attempts.push({
      attempt: this.#attempt,
      outcome,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
      durationMs: finishedAt.getTime() - startedAt.getTime(),
      worker: "fake-1",
      ...(failure === undefined ? {} : { error: failure }),
    });
  }

  #mayRetry(error: unknown): boolean {
    if (this.#attempt >= this.#maxAttempts || !(error instanceof SnakedenError)) return false;
    const never = this.#input.retry?.never ?? [];
    const names = [error.code, ...(error instanceof PythonError ? [error.python.type] : [])];
    return isCurable(error) && !names.some((it) => never.includes(it));
  }

  #to(state: Job["state"]): void {
    this.#state = state;
    this.#notify();
  }

  #end(state: "completed" | "cancelled" | "discarded"): void {
    this.#finishedAt = new Date().toISOString();
    this.#state = state;
    this.#stored.push({ type: "end", id: ++this.#seq, job: this.view() });
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function pausedQueue(queue: string): NonNullable<Job["waitingFor"]> {
  return { reason: "paused", queue, detail: `the queue ${queue} is paused` };
}

function jobErrorOf(error: unknown): JobError {
  if (!(error instanceof SnakedenError)) return { code: "internal", message: String(error) };
  const { code, message, details } = error;
  const facts = error instanceof PythonError ? { ...details, python: error.python } : details;
  return { code, message, ...(Object.keys(facts).length === 0 ? {} : { details: facts }) };
}

/** Returns the error of a job that has ended without a result, as a host throws it. */
function errorOf(
  jobId: string,
  error: JobError | undefined,
  reason: string | undefined,
): SnakedenError {
  if (error === undefined) {
    const why = reason === undefined || reason === "" ? "" : `: ${reason}`;
    return new SnakedenError("cancelled", `The job ${jobId} was cancelled${why}`, {
      details: { jobId },
    });
  }
  const { python, issues, ...rest } = error.details ?? {};
  const { code, message } = error;
  const details = { ...rest, jobId };
  return typedError({ code: code as ErrorCode, message, details, issues, python });
}
