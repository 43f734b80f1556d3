import type { CallOptions, EncodedValue, StreamEvent } from "../../client/mod.ts";
import { DeadlineExceededError, PythonError, SnakedenError } from "../../errors.ts";
import type { OpenFakeCall } from "./fake_calls.ts";
import { type Chunks, chunksOf, type FakeTool } from "./fake_tool.ts";
import { travelled } from "./travel.ts";

/** A call that is about to begin. */
export interface FakeRunParts {
  readonly id: string;
  readonly tool: FakeTool;
  readonly record: OpenFakeCall;
  /** Aborts when the reader of a stream leaves. */
  readonly leaving?: AbortSignal;
}

/** The outcome of a call, as it is the last event of a stream. */
export type DoneEvent = Extract<StreamEvent, { readonly type: "done" }>;

/**
 * One call of a fake tool. A generator is asked for a chunk when the reader asks for one, so it
 * never runs ahead.
 */
export class FakeRun {
  readonly #parts: FakeRunParts;
  readonly #controller = new AbortController();
  readonly #began = performance.now();
  readonly #reports: StreamEvent[] = [];
  readonly #sources: readonly AbortSignal[];
  readonly #aborted: Promise<never>;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #step: Promise<StreamEvent> | undefined;
  #chunks: Chunks | undefined;
  #hasBegun = false;
  #hasEnded = false;
  #wake = (): void => {};

  constructor(parts: FakeRunParts) {
    this.#parts = parts;
    const { signal, timeoutMs } = parts.record.options;
    this.#sources = [signal, parts.leaving].filter((it) => it !== undefined);
    for (const source of this.#sources) source.addEventListener("abort", this.#onAbort);
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#overrun(), timeoutMs);
    this.#aborted = new Promise((_, reject) => {
      this.#controller.signal.addEventListener("abort", () => {
        reject(this.#controller.signal.reason);
      });
    });
    this.#aborted.catch(() => {});
  }

  /** The options of the call. */
  get options(): CallOptions {
    return this.#parts.record.options;
  }

  /** True if the tool has turned out to stream. */
  get streams(): boolean {
    return this.#chunks !== undefined;
  }

  /** Returns the next event; undefined after `done`. Throws the error of the call. */
  async next(): Promise<StreamEvent | undefined> {
    if (this.#hasEnded) return undefined;
    try {
      if (this.#step === undefined) {
        this.#awaitSign();
        this.#step = this.#advance();
        // It may fail while nobody waits.
        this.#step.catch(() => {});
      }
      if (this.#reports.length === 0) {
        const reported = new Promise<void>((resolve) => this.#wake = resolve);
        await Promise.race([this.#step, reported, this.#aborted]);
      }
      // Those that the tool has made before its next chunk, or its end.
      const report = this.#reports.shift();
      if (report !== undefined) return report;
      const event = await Promise.race([this.#step, this.#aborted]);
      this.#step = undefined;
      clearTimeout(this.#stallTimer);
      if (event.type === "done") this.#end("done");
      return event;
    } catch (error) {
      this.#parts.record.error = error;
      this.#end(this.#sources.some((it) => it.aborted) ? "cancelled" : "failed");
      throw error;
    }
  }

  /** Cancels the call, unless it has ended. */
  leave(): void {
    if (this.#hasEnded) return;
    this.#parts.record.error = new DOMException("The reader left the stream", "AbortError");
    this.#controller.abort(this.#parts.record.error);
    this.#end("cancelled");
  }

  readonly #onAbort = (event: Event): void =>
    this.#controller.abort((event.target as AbortSignal).reason);

  #overrun(): void {
    const { tool, options: { timeoutMs } } = this.#parts.record;
    this.#controller.abort(
      new DeadlineExceededError(
        `Cannot finish ${tool}: its deadline of ${timeoutMs} ms passed`,
        "tool",
        { timeoutMs },
      ),
    );
  }

  /** Begins to wait for the next chunk, report or end. */
  #awaitSign(): void {
    clearTimeout(this.#stallTimer);
    const { tool, options: { stallTimeoutMs = 0 } } = this.#parts.record;
    if (stallTimeoutMs === 0) return;
    const message = `Cannot finish ${tool}: it showed nothing for ${stallTimeoutMs} ms`;
    const error = new SnakedenError("stalled", message, { details: { tool, stallTimeoutMs } });
    this.#stallTimer = setTimeout(() => this.#controller.abort(error), stallTimeoutMs);
  }

  async #advance(): Promise<StreamEvent> {
    const { record } = this.#parts;
    try {
      if (!this.#hasBegun) {
        this.#hasBegun = true;
        const result = await this.#begin();
        this.#chunks = chunksOf(result);
        if (this.#chunks === undefined) return this.#done(result);
      }
      const step = await this.#chunks?.next();
      if (step === undefined || step.done === true) return this.#done(step?.value);
      const chunk = travelled(step.value, "chunk") ?? null;
      record.chunks.push(chunk);
      return { type: "chunk", value: encoded(chunk) };
    } catch (error) {
      throw raised(error, record.tool);
    }
  }

  #begin(): unknown {
    const { id, tool, record } = this.#parts;
    const { sessionId, requestId } = record.options;
    return tool(record.args, {
      id,
      tool: record.tool,
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(requestId === undefined ? {} : { requestId }),
      signal: this.#controller.signal,
      progress: (report) => {
        if (this.#hasEnded) return;
        this.#awaitSign();
        const value = encoded(travelled(report, "progress"));
        this.#reports.push({ type: "progress", value });
        this.#wake();
      },
    });
  }

  #done(result: unknown): DoneEvent {
    const { id, record } = this.#parts;
    const value = travelled(result, "result") ?? null;
    record.result = value;
    return {
      type: "done",
      value: encoded(value),
      callId: id,
      workerId: "fake-1",
      durationMs: performance.now() - this.#began,
      queueMs: 0,
    };
  }

  #end(state: OpenFakeCall["state"]): void {
    this.#hasEnded = true;
    this.#parts.record.state = state;
    clearTimeout(this.#timer);
    clearTimeout(this.#stallTimer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
    if (state === "done") return;
    // A tool that has failed is done as well; one that was left closes its `finally`.
    if (!this.#controller.signal.aborted) this.#controller.abort(this.#parts.record.error);
    void closed(this.#chunks, this.#step);
  }
}

/** Closes a generator once it stands still. */
async function closed(
  chunks: Chunks | undefined,
  step: Promise<unknown> | undefined,
): Promise<void> {
  try {
    await step;
  } catch {
    // The call has failed with it, or has failed before.
  }
  try {
    await chunks?.return?.();
  } catch {
    // Nobody waits for it any more.
  }
}

/** Returns the error of a call whose tool has thrown. */
function raised(error: unknown, tool: string): unknown {
  if (error instanceof SnakedenError) return error;
  const type = error instanceof Error ? error.name : typeof error;
  const message = error instanceof Error ? error.message : String(error);
  const wrapped = new PythonError(`${type}: ${message}`, { type, message }, { tool });
  if (error instanceof Error) wrapped.cause = error;
  return wrapped;
}

/** Wraps a value, of which each reader gets a copy. */
function encoded(value: unknown): EncodedValue {
  return { decode: () => travelled(value, "value") };
}

/** Runs a call to its end. The chunks of a generator become one list. */
export async function outcomeOf(run: FakeRun): Promise<DoneEvent> {
  const chunks: unknown[] = [];
  const { onProgress } = run.options;
  for (let event = await run.next(); event !== undefined; event = await run.next()) {
    if (event.type === "progress") onProgress?.(event.value.decode());
    if (event.type === "chunk") chunks.push(event.value.decode());
    if (event.type === "done") return run.streams ? { ...event, value: encoded(chunks) } : event;
  }
  throw new Error("the call ended without an outcome");
}

/** The options of a call, to find misspelled ones. */
export const CALL_OPTIONS: readonly (keyof CallOptions)[] = [
  "pool",
  "timeoutMs",
  "priority",
  "sessionId",
  "affinity",
  "rebind",
  "whenBusy",
  "requestId",
  "idempotent",
  "arrays",
  "signal",
  "stallTimeoutMs",
  "onProgress",
];
