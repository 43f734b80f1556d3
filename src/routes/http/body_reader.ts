import { messageOf, SnakedenError } from "../../errors.ts";
import { BodyRoom } from "./body_room.ts";
import { TimeLimit, type Wait } from "./time_limit.ts";

/** Bounds on the bodies of requests. */
export interface BodyLimits {
  /** The longest body, in bytes. */
  readonly maxBodyBytes: number;
  /** The longest body that is not JSON, in bytes; `maxBodyBytes` if omitted. */
  readonly maxUploadBytes?: number;
  /** Total bytes of all bodies; a single one may always have as much as its own limit. */
  readonly maxBodiesBytes: number;
  /** Time within which a body must arrive. */
  readonly bodyTimeoutMs: number;
}

/** The memory that a request may take before its first byte arrives, and that no budget counts. */
const FREE_BYTES = 16 * 1024;

/**
 * The least room of a read: with only a few bytes, the runtime never gets past the size line of a
 * chunk (Deno 2.9.6).
 */
const MIN_ROOM_BYTES = 4 * 1024;

/** The settings of limits, as error texts name them. */
const JSON_LIMIT = "limits.maxBodyBytes, or less for some paths";
const UPLOAD_LIMIT = "limits.maxUploadBytes";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Reads the bodies of requests. A body takes memory only for the bytes that have arrived, not for
 * its announced length. The sum over all bodies and the time of each body are bounded.
 */
export class BodyReader {
  /** The time of each body; the owner calls its `check()`. */
  readonly time: TimeLimit;
  readonly #limits: BodyLimits;
  readonly #held = new Map<Bytes, number>();
  #heldBytes = 0;

  /** @param limits The limits, which are read each time, since they can change. */
  constructor(limits: BodyLimits) {
    this.#limits = limits;
    this.time = new TimeLimit(limits.bodyTimeoutMs);
  }

  get #maxHeldBytes(): number {
    const { maxBodiesBytes, maxBodyBytes, maxUploadBytes = maxBodyBytes } = this.#limits;
    return Math.max(maxBodiesBytes, maxBodyBytes, maxUploadBytes);
  }

  /**
   * Returns the whole body. The caller must call {@link BodyReader.release} when done with it.
   *
   * @param most The longest body accepted, if that is less than `maxBodyBytes`.
   * @throws {SnakedenError} `body_too_large`, `request_incomplete` or `server_busy`.
   */
  async read(request: Request, most = Infinity): Promise<Bytes> {
    return await this.#read(request, Math.min(most, this.#limits.maxBodyBytes), JSON_LIMIT);
  }

  /** Returns a whole body that is not JSON, as {@link BodyReader.read} does. */
  async readUpload(request: Request): Promise<Bytes> {
    const { maxBodyBytes, maxUploadBytes = maxBodyBytes } = this.#limits;
    return await this.#read(request, maxUploadBytes, UPLOAD_LIMIT);
  }

  async #read(request: Request, limit: number, setting: string): Promise<Bytes> {
    const tooLarge = (given?: number): SnakedenError => tooLong(limit, setting, given);
    const declared = request.headers.get("content-length");
    if (declared !== null && Number(declared) > limit) throw tooLarge(Number(declared));
    try {
      if (declared === null || Number(declared) > FREE_BYTES) {
        if (request.body === null) return new Uint8Array();
        // A body of announced length needs no room beyond it, however large the limit is.
        const most = declared === null ? limit : Number(declared);
        const bodyRoom = declared === null ? new BodyRoom() : undefined;
        return await this.#gather(request.body, { limit: most, bodyRoom, tooLarge });
      }
      const bytes = await this.#small(request);
      if (bytes.byteLength > limit) throw tooLarge(bytes.byteLength);
      return bytes;
    } catch (error) {
      throw error instanceof SnakedenError ? error : brokenOff(error);
    }
  }

  /** Releases the room of a body; must be called once for each body. */
  release(body: Bytes): void {
    const heldBytes = this.#held.get(body);
    if (heldBytes === undefined) return;
    this.#held.delete(body);
    this.#heldBytes -= heldBytes;
  }

  /**
   * Reads a body with the runtime's own method, which is fast but allocates the announced length at
   * once.
   */
  async #small(request: Request): Promise<Bytes> {
    const { promise, resolve, reject } = Promise.withResolvers<Bytes>();
    const wait: Wait = { since: 0, onLate: () => reject(this.#tooSlow()) };
    this.time.begin(wait);
    request.bytes().then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.time.end(wait);
    }
  }

  async #gather(
    body: ReadableStream<Uint8Array>,
    { limit, bodyRoom, tooLarge }: {
      readonly limit: number;
      /** The room of a read; undefined for all that there is. */
      readonly bodyRoom: BodyRoom | undefined;
      readonly tooLarge: () => SnakedenError;
    },
  ): Promise<Bytes> {
    const reader = byteStream(body).getReader({ mode: "byob" });
    const cancel = (): void => void reader.cancel().catch(() => {});
    let isLate = false;
    const wait: Wait = {
      since: 0,
      onLate: () => {
        isLate = true;
        cancel();
      },
    };
    this.time.begin(wait);
    let bytes: Bytes = new Uint8Array(Math.min(FREE_BYTES, limit + MIN_ROOM_BYTES));
    let length = 0;
    let heldBytes = 0;
    try {
      while (true) {
        const free = bytes.subarray(length, length + (bodyRoom?.bytes ?? Infinity));
        const freeBytes = free.byteLength;
        const { value, done } = await reader.read(free);
        if (isLate) throw this.#tooSlow();
        if (value === undefined) break;
        bytes = new Uint8Array(value.buffer);
        length += value.byteLength;
        if (done) break;
        bodyRoom?.note(freeBytes, value.byteLength);
        if (length > limit) throw tooLarge();
        const room = bytes.byteLength;
        if (length + MIN_ROOM_BYTES <= room) continue;
        const larger = Math.min(2 * room, limit + MIN_ROOM_BYTES);
        this.#hold(larger - room);
        heldBytes += larger - room;
        bytes = grown(bytes, larger);
      }
    } catch (error) {
      this.#heldBytes -= heldBytes;
      cancel();
      throw error;
    } finally {
      this.time.end(wait);
    }
    const whole = bytes.subarray(0, length);
    if (heldBytes > 0) this.#held.set(whole, heldBytes);
    return whole;
  }

  #hold(bytes: number): void {
    if (this.#heldBytes + bytes > this.#maxHeldBytes) {
      throw new SnakedenError(
        "server_busy",
        `Cannot take the body: bodies of ${this.#heldBytes} bytes are being received or parsed; ` +
          `${this.#maxHeldBytes} are allowed (limits.maxBodiesBytes)`,
        { retryable: true, details: { maxBodiesBytes: this.#maxHeldBytes } },
      );
    }
    this.#heldBytes += bytes;
  }

  #tooSlow(): SnakedenError {
    const { bodyTimeoutMs } = this.#limits;
    return new SnakedenError(
      "request_incomplete",
      `Cannot take the body: it did not arrive within ${bodyTimeoutMs} ms (limits.bodyTimeoutMs)`,
      { retryable: true, details: { bodyTimeoutMs } },
    );
  }
}

function grown(bytes: Bytes, length: number): Bytes {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

/**
 * Returns the body as a byte stream. A body from a socket is one already; a body made in this
 * process may not be.
 */
export function byteStream(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  try {
    body.getReader({ mode: "byob" }).releaseLock();
    return body;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const reader = body.getReader();
  return new ReadableStream({
    type: "bytes",
    async pull(controller): Promise<void> {
      let part = await reader.read();
      while (!part.done && part.value.byteLength === 0) part = await reader.read();
      if (!part.done) return controller.enqueue(new Uint8Array(part.value));
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function tooLong(limit: number, setting: string, given?: number): SnakedenError {
  const size = given === undefined ? "a body" : `a body of ${given} bytes`;
  return new SnakedenError(
    "body_too_large",
    `Cannot take ${size}: the limit is ${limit} bytes (${setting})`,
    { details: { [setting === UPLOAD_LIMIT ? "maxUploadBytes" : "maxBodyBytes"]: limit } },
  );
}

/**
 * The error of a body that broke off: the client left, and nobody will read this, or the listener
 * was shut down meanwhile.
 */
function brokenOff(error: unknown): SnakedenError {
  return new SnakedenError(
    "request_incomplete",
    `Cannot take the body: it ended early (${messageOf(error)}); send it again`,
    { retryable: true, cause: error },
  );
}
