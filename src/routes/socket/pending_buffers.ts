import { InvalidInputError } from "../../errors.ts";

/** The most buffers that may wait on one connection. */
const MAX_BUFFERS = 64;

/** Options of {@link PendingBuffers}. */
export interface PendingBuffersOptions {
  /** The most bytes that may wait on one connection. */
  readonly maxBytes: number;
  /** Reserves memory for a large buffer. */
  readonly hold: (bytes: number) => Disposable;
}

interface Pending {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly room: Disposable;
}

/** The buffers of one connection that wait for the text message that refers to them. */
export class PendingBuffers {
  readonly #options: PendingBuffersOptions;
  #pending: Pending[] = [];
  #bytes = 0;

  constructor(options: PendingBuffersOptions) {
    this.#options = options;
  }

  /**
   * Adds a buffer of a call.
   *
   * @throws {InvalidInputError} `invalid_input` if too much waits on this connection.
   * @throws {SnakedenError} `server_busy` if too much waits on all of them.
   */
  add(id: number, bytes: Uint8Array): void {
    const { maxBytes, hold } = this.#options;
    const total = this.#bytes + bytes.byteLength;
    if (this.#pending.length === MAX_BUFFERS || total > maxBytes) {
      const message = `given ${this.#pending.length + 1} buffers of ${total} bytes before the ` +
        `message that they belong to; allowed: at most ${MAX_BUFFERS}, of ${maxBytes} bytes ` +
        "(limits.maxUploadBytes)";
      throw new InvalidInputError(`Cannot read the message: ${message}`, [{ path: "", message }]);
    }
    this.#pending.push({ id, bytes, room: hold(bytes.byteLength) });
    this.#bytes = total;
  }

  /** Removes and returns the buffers of a call, and drops those of lower ids with `andBelow`. */
  take(
    id: number,
    { andBelow = false } = {},
  ): { readonly buffers: readonly Uint8Array[]; readonly bytes: number } {
    if (this.#pending.length === 0) return NONE;
    const buffers: Uint8Array[] = [];
    let bytes = 0;
    this.#pending = this.#pending.filter((it) => {
      const isOwn = it.id === id;
      if (!isOwn && !(andBelow && it.id < id)) return true;
      it.room[Symbol.dispose]();
      this.#bytes -= it.bytes.byteLength;
      if (isOwn) {
        buffers.push(it.bytes);
        bytes += it.bytes.byteLength;
      }
      return false;
    });
    return { buffers, bytes };
  }

  /** Drops all buffers. */
  clear(): void {
    for (const { room } of this.#pending) room[Symbol.dispose]();
    this.#pending = [];
    this.#bytes = 0;
  }
}

const NONE = { buffers: [], bytes: 0 } as const;
