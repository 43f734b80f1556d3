import { LineList, Value } from "../../bridge/mod.ts";
import { InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { canStartThread } from "../../process/mod.ts";
import { copyOf } from "../../store/mod.ts";
import { type CallFields, type CallParts, decodeCall } from "./call_body.ts";
import {
  decodeBatch,
  decodeSubmission,
  decodeValues,
  joined,
  type ValuesBody,
} from "./bodies/mod.ts";
import type { ThreadAnswer, ThreadError, ThreadJob, ThreadValue } from "./json_worker.ts";

/** The time limit of a job, plus a time for each KiB; no real job comes near it. */
const JOB_MS = 10_000;
const JOB_MS_PER_KIB = 2;
/** The time after which an idle thread is ended and its memory released. */
const IDLE_MS = 30_000;

/**
 * The amount of JSON after which the next job gets a new thread, since a heap that has grown stays
 * large.
 */
const RENEW_BYTES = 32 * 1024 * 1024;

/** A call that is large as text: its body, or its parts. */
export interface LargeCall {
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  readonly parts?: CallParts | undefined;
}

interface Job {
  /** Makes the message. Called when the job begins, since that may copy many bytes. */
  readonly message: () => ThreadJob | Promise<ThreadJob>;
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: ThreadAnswer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A thread for JSON that would block the event loop too long, such as a body of 8 MB. It takes one
 * job at a time, so that only one tree is in memory; other jobs wait in line.
 *
 * `idle` -> `running` when a job comes, which starts a thread if there is none -> `idle` when the
 * job is done. The thread is ended when a job takes too long, when it breaks, after
 * {@link RENEW_BYTES}, and after {@link IDLE_MS} without a job; the next job starts another one.
 * `stopped` is the end.
 */
export class JsonThread implements Disposable {
  readonly #log = getLogger("http");
  readonly #waiting: Job[] = [];
  #worker: Worker | undefined;
  /** True if no thread can be started, as in a bundle. The event loop then does all jobs. */
  #isMissing = false;
  #state: "idle" | "running" | "stopped" = "idle";
  #idleSince = 0;
  /** The bytes that the thread has processed so far. */
  #readBytes = 0;
  /** Ends the running job. */
  #interrupt: ((error: unknown) => void) | undefined;

  /**
   * Runs {@link decodeCall} for a large call. The bytes of a body are transferred to the thread.
   *
   * @throws {SnakedenError} What that throws, `server_busy` or `shutting_down`, or the reason of
   * the signal.
   */
  async readCall(
    { body, parts }: LargeCall,
    maxDepth: number,
    signal?: AbortSignal,
  ): Promise<CallFields> {
    const answer = await this.#run(
      () => ({ kind: "call", body, parts: parts && copyOfParts(parts), maxDepth }),
      weightOf({ body, parts }),
      signal,
    );
    if (answer === undefined) return decodeCall(body, maxDepth, parts);
    if (answer.kind !== "call") throw failure(answer);
    const { args, ...fields } = answer.call;
    return { ...fields, args: valueOf(args) };
  }

  /**
   * Runs {@link decodeValues} for a large body, whose bytes are transferred to the thread.
   *
   * @throws {SnakedenError} What that throws, `server_busy` or `shutting_down`.
   */
  async readValues(body: Uint8Array<ArrayBuffer>, maxDepth: number): Promise<ValuesBody> {
    const message = (): ThreadJob => ({ kind: "values", body, maxDepth });
    const answer = await this.#run(message, body.byteLength);
    if (answer === undefined) return decodeValues(body, maxDepth);
    if (answer.kind !== "values") throw failure(answer);
    const { fields, values } = answer;
    return { fields, values: values.map((it) => it && valueOf(it)) };
  }

  /**
   * Runs {@link decodeSubmission}, or {@link decodeBatch}, for a large body, whose bytes are
   * transferred to the thread.
   *
   * @throws {SnakedenError} What that throws, `server_busy` or `shutting_down`, or the reason of
   * the signal.
   */
  async readSubmissions(
    body: Uint8Array<ArrayBuffer>,
    { maxDepth, isBatch, signal }: {
      readonly maxDepth: number;
      readonly isBatch: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<unknown[]> {
    const message = (): ThreadJob => ({ kind: "submissions", body, maxDepth, isBatch });
    const answer = await this.#run(message, body.byteLength, signal);
    if (answer === undefined) {
      return isBatch ? decodeBatch(body, maxDepth) : [decodeSubmission(body, maxDepth)];
    }
    if (answer.kind !== "submissions") throw failure(answer);
    return answer.items.map(({ fields, args, lines, error }) =>
      error === undefined
        ? joined({
          fields,
          ...(args === undefined ? {} : { args: valueOf(args) }),
          ...(lines === undefined ? {} : { lines: new LineList(lines) }),
        })
        : errorOf(error)
    );
  }

  /**
   * Returns the value with its buffers inline, as HTTP sends it, without tags.
   *
   * @throws {SnakedenError} `invalid_value`, `server_busy` or `shutting_down`, or the reason of the
   * signal.
   */
  async inline(value: Value, signal?: AbortSignal): Promise<Value> {
    const { json, tagged, buffers } = value.wire;
    // They may be part of a larger frame, so the thread gets copies.
    const message = async (): Promise<ThreadJob> => ({
      kind: "inline",
      value: { json: await copyOf(json), tagged, buffers: await Promise.all(buffers.map(copyOf)) },
    });
    const answer = await this.#run(message, value.weight, signal);
    if (answer === undefined) {
      return new Value({ json: new TextEncoder().encode(value.jsonText()) });
    }
    if (answer.kind !== "inline") throw failure(answer);
    return valueOf(answer.value);
  }

  /** Ends a thread that has been idle for long. */
  check(): void {
    const isLong = performance.now() - this.#idleSince > IDLE_MS;
    if (this.#state === "idle" && isLong) this.#end();
  }

  /** Ends the thread; jobs fail with `shutting_down`. */
  [Symbol.dispose](): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    const error = stopping();
    for (const job of this.#waiting.splice(0)) job.reject(error);
    this.#interrupt?.(error);
    this.#end();
  }

  #run(
    message: Job["message"],
    bytes: number,
    signal?: AbortSignal,
  ): Promise<ThreadAnswer | undefined> {
    if (this.#state === "stopped") return Promise.reject(stopping());
    const { promise, resolve, reject } = Promise.withResolvers<ThreadAnswer | undefined>();
    this.#waiting.push({ message, bytes, signal, resolve, reject });
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#state !== "idle") return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      this.#idleSince = performance.now();
      return;
    }
    this.#state = "running";
    this.#attempt(job).then(job.resolve, job.reject).finally(() => {
      this.#readBytes += job.bytes;
      if (this.#readBytes > RENEW_BYTES) this.#end();
      if (this.#state === "running") this.#state = "idle";
      this.#next();
    });
  }

  async #attempt({ message, bytes, signal }: Job): Promise<ThreadAnswer | undefined> {
    signal?.throwIfAborted();
    const limitMs = JOB_MS + JOB_MS_PER_KIB * bytes / 1024;
    const { promise: interrupted, reject } = Promise.withResolvers<never>();
    interrupted.catch(() => {});
    const timer = setTimeout(() => reject(tooLong(bytes, limitMs)), limitMs);
    this.#interrupt = reject;
    try {
      const worker = await Promise.race([this.#ready(), interrupted]);
      if (worker === undefined) return undefined;
      const answered = nextAnswer(worker);
      const job = await message();
      worker.postMessage(job, transferOf(job));
      return await Promise.race([answered, interrupted]);
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#interrupt = undefined;
    }
  }

  /** Returns the thread; undefined when none can be started, or none at the moment. */
  async #ready(): Promise<Worker | undefined> {
    if (this.#worker !== undefined || this.#isMissing || !canStartThread()) return this.#worker;
    try {
      const options = { type: "module", name: "json", deno: { permissions: "none" } } as const;
      this.#worker = new Worker(new URL("./json_worker.ts", import.meta.url), options);
      await nextAnswer(this.#worker);
    } catch (error) {
      this.#isMissing = true;
      this.#end();
      this.#log.warn("large JSON is handled without a separate thread: {reason}", {
        reason: messageOf(error),
      });
    }
    return this.#worker;
  }

  #end(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#readBytes = 0;
  }
}

/** Returns the next message of the thread; rejects if the thread breaks. */
function nextAnswer(worker: Worker): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<ThreadAnswer>) => resolve(data);
    worker.onerror = (event) => {
      // Unhandled, the error would end the host.
      event.preventDefault();
      reject(new Error(`The thread for JSON broke: ${event.message}`));
    };
  });
}

/** Returns the bytes of JSON and text in a call. */
export function weightOf({ body, parts }: LargeCall): number {
  let bytes = body?.byteLength ?? 0;
  for (const it of parts?.args ?? []) bytes += it.bytes.byteLength;
  return bytes;
}

/** The parts may be views of a body with large files, so the thread gets copies. */
function copyOfParts({ args, ...rest }: CallParts): CallParts {
  return { ...rest, args: args.map((it) => ({ ...it, bytes: it.bytes.slice() })) };
}

function transferOf(job: ThreadJob): Transferable[] {
  if (job.kind !== "inline") return job.body === undefined ? [] : [job.body.buffer];
  const { json, buffers } = job.value;
  return [json.buffer, ...buffers.map((it) => it.buffer)];
}

function valueOf({ json, tagged, buffers }: ThreadValue): Value {
  return new Value({ json, tagged, buffers: [...buffers] });
}

function errorOf({ message, code, details, issues }: ThreadError): Error {
  if (code === undefined) return new Error(message);
  if (issues !== undefined) return new InvalidInputError(message, issues);
  return new SnakedenError(code, message, details === undefined ? {} : { details });
}

function stopping(): SnakedenError {
  return new SnakedenError("shutting_down", "The server is stopping", { retryable: true });
}

function tooLong(bytes: number, limitMs: number): SnakedenError {
  return new SnakedenError(
    "server_busy",
    `Cannot read JSON of ${bytes} bytes: it took more than ${Math.round(limitMs)} ms`,
  );
}

function failure(answer: ThreadAnswer): Error {
  if (answer.kind === "error") return errorOf(answer.error);
  return new Error(`The thread for JSON answered ${answer.kind}`);
}
