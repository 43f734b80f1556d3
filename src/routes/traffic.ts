import { type BodyLimits, BodyReader } from "./body_reader.ts";
import { type CallFields, decodeCall } from "./call_fields.ts";
import { checkContentType, parseJsonBody } from "./request_body.ts";

/** Bounds on what is under way. */
export interface TrafficLimits extends BodyLimits {
  /** Levels of nesting in arguments. */
  readonly maxDepth: number;
}

/** Longest body of a request that is no call. */
const SMALL_BODY_BYTES = 64 * 1024;
/** How often times are looked at: a limit is kept to within this. */
const CHECK_INTERVAL_MS = 500;

/**
 * What is under way between clients and the host, bounded in memory and time. Limits of time hold
 * once it was started.
 */
export class Traffic implements AsyncDisposable {
  readonly bodies: BodyReader;
  readonly #maxDepth: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(limits: TrafficLimits) {
    this.#maxDepth = limits.maxDepth;
    this.bodies = new BodyReader(limits);
  }

  /** Begins to look at times. */
  start(): this {
    this.#timer ??= setInterval(() => this.bodies.time.check(), CHECK_INTERVAL_MS);
    return this;
  }

  /**
   * Reads the body of a call.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link decodeCall} throw.
   */
  async readCall(request: Request): Promise<CallFields> {
    const body = await this.bodies.read(request);
    try {
      return decodeCall(body, this.#maxDepth);
    } finally {
      this.bodies.release(body);
    }
  }

  /**
   * Reads a JSON body that has no reason to be large.
   *
   * @throws {SnakedenError} What {@link BodyReader.read} and {@link parseJsonBody} throw.
   */
  async readSmall(request: Request): Promise<unknown> {
    checkContentType(request.headers);
    const body = await this.bodies.read(request, SMALL_BODY_BYTES);
    try {
      return parseJsonBody(body, this.#maxDepth);
    } finally {
      this.bodies.release(body);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }
}
