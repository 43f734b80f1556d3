import { messageOf, SnakedenError } from "../../../errors.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const FIRST_ROOM_BYTES = 16 * 1024;

/**
 * The bytes of a body that have arrived and were not taken. It reads only when it is told to, so a
 * tool that is slow stops the client by its socket.
 */
export class BodyBytes {
  readonly #body: ReadableStream<Uint8Array> | null;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #bytes: Bytes = new Uint8Array();
  #start = 0;
  #end = 0;
  /** The place up to which no line break was found. */
  #scanned = 0;
  #isOver = false;

  constructor(body: ReadableStream<Uint8Array> | null) {
    this.#body = body;
    this.#isOver = body === null;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** True once the body has no more bytes than those that have arrived. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Waits for further bytes, or for the end.
   *
   * @throws {SnakedenError} `request_incomplete` if the body breaks off.
   */
  async read(): Promise<void> {
    if (this.#isOver || this.#body === null) return;
    this.#reader ??= this.#body.getReader();
    try {
      const { done, value } = await this.#reader.read();
      if (done) this.#isOver = true;
      else this.#append(value);
    } catch (error) {
      this.#isOver = true;
      throw new SnakedenError(
        "request_incomplete",
        `Cannot take the rest of the body: it ended early (${messageOf(error)})`,
        { retryable: true, cause: error },
      );
    }
  }

  /** Takes the next bytes, which are copied. */
  take(length: number): Bytes {
    const taken = this.#bytes.slice(this.#start, this.#start + length);
    this.#start += length;
    this.#scanned = Math.max(this.#scanned, this.#start);
    return taken;
  }

  /** Takes the next line, without its end; undefined if it has not arrived yet. */
  takeLine(): Bytes | undefined {
    const at = this.#bytes.subarray(0, this.#end).indexOf(0x0a, this.#scanned);
    if (at < 0) {
      this.#scanned = this.#end;
      return undefined;
    }
    const line = this.take(at - this.#start);
    this.take(1);
    return line;
  }

  /** Reads nothing more, and drops what has arrived. */
  async cancel(): Promise<void> {
    this.#isOver = true;
    this.#start = this.#end;
    await (this.#reader ?? this.#body)?.cancel();
  }

  #append(part: Uint8Array): void {
    const { length } = this;
    if (this.#end + part.byteLength > this.#bytes.byteLength) {
      const room = Math.max(FIRST_ROOM_BYTES, 2 * (length + part.byteLength));
      const larger = new Uint8Array(room);
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = larger;
      this.#scanned -= this.#start;
      this.#start = 0;
      this.#end = length;
    }
    this.#bytes.set(part, this.#end);
    this.#end += part.byteLength;
  }
}
