import type { Value } from "../../bridge/mod.ts";
import { invalidCall } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { InputLimits } from "../../pool/mod.ts";
import {
  type AnswerLimits,
  type AnswerOptions,
  type ArgumentLimits,
  type BodyLimits,
  BodyReader,
  type Caller,
  Callers,
  checkContentType,
  mayHaveBody,
  OpenArguments,
  parseJsonBody,
  UnreadAnswers,
} from "../http/mod.ts";
import { type CallFields, decodeCall, type Upload } from "./call_body.ts";
import {
  decodeBatch,
  decodeSubmission,
  decodeValues,
  SubmissionLines,
  type ValuesBody,
} from "./bodies/mod.ts";
import { readQuery } from "./upload/mod.ts";
import { type KeepLimits, KeptStreams } from "./events/mod.ts";
import { JsonThread, type LargeCall, weightOf } from "./json_thread.ts";

/** The limits of requests and responses under way. */
export interface TrafficLimits extends ArgumentLimits, BodyLimits, AnswerLimits, KeepLimits {
  /** Levels of nesting in arguments. */
  readonly maxDepth: number;
  /** The weight of items of an input stream that may be read ahead of the tool. */
  readonly streamWindowBytes: number;
}

/**
 * JSON up to this size is parsed and written on the event loop. That takes 12 ms at worst; a round
 * trip to another thread takes 0.2 ms.
 */
const INLINE_BYTES = 128 * 1024;
/** The longest body of a request that is not a call. */
const SMALL_BODY_BYTES = 64 * 1024;
/** The interval at which time limits are checked, and so their precision. */
const CHECK_INTERVAL_MS = 500;

/**
 * The requests and responses between clients and the host, bounded in memory, in time, and in how
 * long they block the event loop. Time limits hold once it is started.
 */
export class Traffic implements Disposable {
  readonly bodies: BodyReader;
  readonly arguments: OpenArguments;
  readonly answers: UnreadAnswers;
  /** The streams that outlive their connections. */
  readonly streams: KeptStreams;
  /** The limits of input streams. */
  readonly inputs: InputLimits;
  /** The clients of calls. */
  readonly callers: Callers = new Callers();
  readonly #thread = new JsonThread();
  readonly #maxDepth: number;
  readonly #limits: TrafficLimits;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(limits: TrafficLimits, options: AnswerOptions = {}) {
    const { maxDepth, streamWindowBytes } = limits;
    this.inputs = { maxDepth, streamWindowBytes };
    this.#maxDepth = maxDepth;
    this.#limits = limits;
    this.bodies = new BodyReader(limits);
    this.arguments = new OpenArguments(limits);
    this.answers = new UnreadAnswers(limits, options);
    this.streams = new KeptStreams(limits, this.answers);
  }

  /** Begins to check time limits. */
  start(): this {
    this.callers.start();
    this.#timer ??= setInterval(() => this.check(), CHECK_INTERVAL_MS);
    return this;
  }

  /** Ends the waits that have taken too long. */
  check(): void {
    this.bodies.time.check();
    this.answers.time.check();
    this.callers.check();
    this.#thread.check();
  }

  /**
   * Reads the body of a call.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link decodeCall} throw.
   */
  async readCall(request: Request, caller: Caller): Promise<CallFields> {
    const { fields, arg } = readQuery(request.url, this.#maxDepth) ?? {};
    if (arg !== undefined) {
      throw invalidCall([{ path: "arg", message: "the body is JSON, which names its arguments" }]);
    }
    const body = await this.bodies.read(request);
    try {
      const parts = fields && { fields, args: [] };
      return await this.#decode({ body, parts }, caller.signal);
    } finally {
      this.bodies.release(body);
    }
  }

  /**
   * Reads the body of a run, which names no tool. Without a body, or with an empty one, the
   * call has only the fields of the query.
   *
   * @throws {SnakedenError} See {@link Traffic.readCall}.
   */
  async readRun(
    request: Request,
    caller: Caller,
  ): Promise<Omit<CallFields, "tool">> {
    const { fields = {}, arg } = readQuery(request.url, this.#maxDepth) ?? {};
    const given = arg === undefined ? fields : { ...fields, arg };
    const parts = { fields: given, args: [], isRun: true };
    if (!mayHaveBody(request.headers)) return decodeCall(undefined, this.#maxDepth, parts);
    checkContentType(request.headers);
    const body = await this.bodies.read(request);
    try {
      if (body.byteLength === 0) return decodeCall(undefined, this.#maxDepth, parts);
      return await this.#decode({ body, parts }, caller.signal);
    } finally {
      this.bodies.release(body);
    }
  }

  /**
   * Reads the body of a call that is not JSON; `open` finds the parts of the call in it.
   *
   * @throws {SnakedenError} The errors of {@link BodyReader.readUpload}, `open` and
   * {@link decodeCall}.
   */
  async readUpload(
    request: Request,
    caller: Caller,
    open: (body: Uint8Array<ArrayBuffer>) => Promise<Upload>,
  ): Promise<CallFields> {
    const body = await this.bodies.readUpload(request);
    try {
      const { files, ...parts } = await open(body);
      const call = { parts };
      const bytes = weightOf(call);
      const { maxBodyBytes } = this.#limits;
      if (bytes > maxBodyBytes) throw textTooLong(bytes, maxBodyBytes);
      const { args, ...rest } = await this.#decode(call, caller.signal);
      return { ...rest, args: files.size === 0 ? args : args.withBytes(files) };
    } finally {
      this.bodies.release(body);
    }
  }

  /**
   * Reads a body of bytes. Its room is free again once the caller has called `release`.
   *
   * @throws {SnakedenError} The errors of {@link BodyReader.readUpload}.
   */
  async readBytes(
    request: Request,
  ): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly release: () => void }> {
    const bytes = await this.bodies.readUpload(request);
    return { bytes, release: () => this.bodies.release(bytes) };
  }

  async #decode(call: LargeCall, signal: AbortSignal): Promise<CallFields> {
    const isSmall = weightOf(call) <= INLINE_BYTES;
    if (isSmall) return decodeCall(call.body, this.#maxDepth, call.parts);
    return await this.#thread.readCall(call, this.#maxDepth, signal);
  }

  /**
   * Returns true if it takes long to write a value as text. {@link Traffic.inline} writes such
   * values.
   */
  isLarge(value: Value): boolean {
    return value.weight > INLINE_BYTES;
  }

  /**
   * Returns a large value as HTTP sends it, with its buffers inline.
   *
   * @throws {SnakedenError} What {@link JsonThread.inline} and {@link UnreadAnswers.hold} throw.
   */
  async inline(value: Value, signal: AbortSignal): Promise<Value> {
    if (!value.content.tagged) return value;
    // Workers make values faster than the thread writes them, so many of them may wait for it.
    using _room = this.answers.hold(value.weight);
    return await this.#thread.inline(value, signal);
  }

  /**
   * Reads a JSON body that must be small.
   *
   * @param maxBytes The most bytes, at most those that may be parsed on the event loop.
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link parseJsonBody} throw.
   */
  async readSmall(request: Request, maxBytes: number = SMALL_BODY_BYTES): Promise<unknown> {
    checkContentType(request.headers);
    const body = await this.bodies.read(request, Math.min(maxBytes, INLINE_BYTES));
    try {
      return parseJsonBody(body, this.#maxDepth);
    } finally {
      this.bodies.release(body);
    }
  }

  /** Reads a body as {@link readSmall} does; undefined if there is none, or an empty one. */
  async readOptional(request: Request, maxBytes: number = SMALL_BODY_BYTES): Promise<unknown> {
    if (!mayHaveBody(request.headers)) return undefined;
    checkContentType(request.headers);
    const body = await this.bodies.read(request, Math.min(maxBytes, INLINE_BYTES));
    try {
      return body.byteLength === 0 ? undefined : parseJsonBody(body, this.#maxDepth);
    } finally {
      this.bodies.release(body);
    }
  }

  /**
   * Reads a JSON body with values, which stay encoded. Its room is free again once the result is
   * disposed.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link decodeValues} throw.
   */
  async readValues(request: Request): Promise<ValuesBody & Disposable> {
    checkContentType(request.headers);
    const body = await this.bodies.read(request);
    const release = (): void => this.bodies.release(body);
    try {
      const read = body.byteLength <= INLINE_BYTES
        ? decodeValues(body, this.#maxDepth)
        : await this.#thread.readValues(body, this.#maxDepth);
      return { ...read, [Symbol.dispose]: release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Reads the submission of a job, whose arguments stay encoded.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link decodeSubmission} throw.
   */
  async readSubmission(request: Request, caller: Caller): Promise<unknown> {
    const [input] = await this.#readSubmissions(request, { caller, isBatch: false });
    return input;
  }

  /**
   * Reads a list of submissions like {@link Traffic.readSubmission}; an item whose arguments cannot
   * be read is its error.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link decodeBatch} throw.
   */
  async readBatch(request: Request, caller: Caller): Promise<readonly unknown[]> {
    return await this.#readSubmissions(request, { caller, isBatch: true });
  }

  /** Returns the submissions in the lines of a body of any length, read as they are asked for. */
  submissionLines(request: Request): SubmissionLines {
    const { time } = this.bodies;
    const isMeasured = request.headers.has("content-length");
    return new SubmissionLines(request.body, { maxDepth: this.#maxDepth, time, isMeasured });
  }

  async #readSubmissions(
    request: Request,
    { caller: { signal }, isBatch }: { readonly caller: Caller; readonly isBatch: boolean },
  ): Promise<unknown[]> {
    checkContentType(request.headers);
    const maxDepth = this.#maxDepth;
    const body = await this.bodies.read(request);
    try {
      if (body.byteLength > INLINE_BYTES) {
        return await this.#thread.readSubmissions(body, { maxDepth, isBatch, signal });
      }
      return isBatch ? decodeBatch(body, maxDepth) : [decodeSubmission(body, maxDepth)];
    } finally {
      this.bodies.release(body);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.streams[Symbol.dispose]();
    this.callers[Symbol.dispose]();
    this.#thread[Symbol.dispose]();
  }
}

function textTooLong(bytes: number, limit: number): SnakedenError {
  return new SnakedenError(
    "body_too_large",
    `Cannot take ${bytes} bytes of text and JSON in the parts of a form: the limit is ${limit} ` +
      "bytes (limits.maxBodyBytes); send large data as files to parameters that take bytes",
    { details: { maxBodyBytes: limit } },
  );
}
