import { SnakedenError } from "../../errors.ts";

/** Bounds on the arguments of open calls. */
export interface ArgumentLimits {
  /** Total bytes of the arguments; a single call may always have as much as its body may. */
  readonly maxArgumentsBytes: number;
}

/** The bytes that the arguments of a call may have without being counted. */
const FREE_BYTES = 16 * 1024;

const NO_ROOM: Disposable = { [Symbol.dispose]: () => {} };

/**
 * The memory of the arguments of open calls. A call keeps its arguments while it waits and runs,
 * so without a bound a queue of large calls could take any amount of memory.
 */
export class OpenArguments {
  readonly #limits: ArgumentLimits;
  #bytes = 0;

  /** @param limits The limits, which are read each time, since they can change. */
  constructor(limits: ArgumentLimits) {
    this.#limits = limits;
  }

  /**
   * Reserves room for the arguments of a call, until the result is disposed.
   *
   * @throws {SnakedenError} `server_busy`.
   */
  hold(bytes: number): Disposable {
    if (bytes <= FREE_BYTES) return NO_ROOM;
    const { maxArgumentsBytes } = this.#limits;
    if (this.#bytes > 0 && this.#bytes + bytes > maxArgumentsBytes) {
      throw new SnakedenError(
        "server_busy",
        `Cannot take the call: the arguments of open calls have ${this.#bytes} bytes, and this ` +
          `call has ${bytes}; ${maxArgumentsBytes} are allowed (limits.maxArgumentsBytes)`,
        { retryable: true, details: { maxArgumentsBytes } },
      );
    }
    this.#bytes += bytes;
    return { [Symbol.dispose]: () => void (this.#bytes -= bytes) };
  }

  /**
   * Passes on the events of a call, and reserves room for its arguments until they end. The
   * consumer must read them, or the room is never released.
   *
   * @throws {SnakedenError} `server_busy`, before the call begins.
   */
  during<T>(bytes: number, begin: () => AsyncIterable<T>): AsyncIterable<T> {
    const room = this.hold(bytes);
    return room === NO_ROOM ? begin() : whileHeld(room, begin);
  }
}

async function* whileHeld<T>(room: Disposable, begin: () => AsyncIterable<T>): AsyncGenerator<T> {
  using _room = room;
  yield* begin();
}
