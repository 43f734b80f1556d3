/** The stream that lines go to: `Deno.stderr` has this shape. */
export interface LogStream {
  /** Writes some of `bytes`; resolves to their number. */
  write(bytes: Uint8Array): Promise<number>;
  /** Writes some of `bytes` synchronously; only used at the end of the process. */
  writeSync(bytes: Uint8Array): number;
}

/** The order in which lines are dropped when the buffer is full. */
export type Weight =
  /** Dropped last. */
  | "own"
  /** Lines that may come in any number, and are dropped first. */
  | "bulk";

/** Characters that may wait for the stream. Bulk may fill half of this. */
const MAX_WAITING_CHARS = 8 * 1024 * 1024;
/** Characters of one write. */
const BATCH_CHARS = 64 * 1024;
/** Time after which a write counts as stuck, since nobody reads the stream. */
const STUCK_MS = 250;
/** Pause before the next attempt to write to a full pipe that does not block. */
const FULL_PAUSE_MS = 5;

/**
 * A writer of lines to a stream that may be slow, or never read. One write is under way at a time;
 * meanwhile a bounded number of characters waits. The writer never blocks the event loop. Lines for
 * a closed stream are dropped.
 */
export class LogWriter {
  readonly #stream: LogStream;
  readonly #notice: (dropped: number) => string;
  readonly #maxChars: number;
  #lines: string[] = [];
  #chars = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #inFlightSince: number | undefined;

  /**
   * @param notice Creates the line that reports how many lines were dropped before it.
   * @param maxChars For tests: see {@link MAX_WAITING_CHARS}.
   */
  constructor(
    stream: LogStream,
    notice: (dropped: number) => string,
    maxChars = MAX_WAITING_CHARS,
  ) {
    this.#stream = stream;
    this.#notice = notice;
    this.#maxChars = maxChars;
  }

  /** Takes a line with its end; returns at once. */
  write(line: string, weight: Weight = "own"): void {
    const room = weight === "own" ? this.#maxChars : this.#maxChars / 2;
    if (this.#chars + line.length > room) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) this.#sayDropped();
    this.#add(line);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves to true when everything is written, or to false after `boundMs`. */
  async flush(boundMs: number): Promise<boolean> {
    const written = this.#writing?.then(() => true);
    if (written === undefined) return true;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), boundMs);
    try {
      return await Promise.race([written, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Writes synchronously whatever still waits. For the end of the process, when promises no longer
   * settle. Writes nothing if the last write is stuck, since the exit must not be delayed.
   */
  finish(): void {
    const since = this.#inFlightSince;
    if (this.#writing === undefined || since && performance.now() - since > STUCK_MS) return;
    if (this.#dropped > 0) this.#sayDropped();
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    // Needed even when no line waits: it settles after the write that is under way.
    writeWhole(this.#stream, lines.join(""));
  }

  #add(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length;
  }

  #sayDropped(): void {
    const line = this.#notice(this.#dropped);
    this.#dropped = 0;
    this.#add(line);
  }

  async #writeAll(): Promise<void> {
    // Lines that are logged in the same turn share one write.
    await null;
    try {
      while (this.#lines.length > 0) {
        await this.#writeBatch(this.#takeBatch());
        if (this.#lines.length === 0 && this.#dropped > 0) this.#sayDropped();
      }
    } catch {
      // Nobody can be notified, and the log must not end the program.
      this.#lines = [];
      this.#chars = 0;
    }
    this.#writing = undefined;
  }

  #takeBatch(): string {
    let count = 0;
    for (let chars = 0; count < this.#lines.length && chars < BATCH_CHARS; count++) {
      chars += this.#lines[count]?.length ?? 0;
    }
    const batch = this.#lines.splice(0, count).join("");
    this.#chars -= batch.length;
    return batch;
  }

  async #writeBatch(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    this.#inFlightSince = performance.now();
    for (let at = 0; at < bytes.byteLength;) {
      const written = await this.#writeSome(bytes.subarray(at));
      if (written === 0) throw new Error("the stream takes no more");
      at += written;
    }
    this.#inFlightSince = undefined;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    while (true) {
      try {
        return await this.#stream.write(bytes);
      } catch (error) {
        if (!isFull(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, FULL_PAUSE_MS));
      }
    }
  }
}

const encoder = new TextEncoder();

/**
 * Returns true if the write would have to wait. Another program that shares the pipe or terminal
 * may have made it non-blocking.
 */
function isFull(error: unknown): boolean {
  return error instanceof Deno.errors.WouldBlock;
}

/**
 * Writes the whole text to a stream at once. Drops it if nobody reads the stream: it is a closed
 * pipe, or a full one that does not block.
 *
 * @returns False if the stream takes no more.
 */
export function writeWhole(stream: Pick<LogStream, "writeSync">, text: string): boolean {
  let rest = encoder.encode(text);
  let since = performance.now();
  do {
    try {
      const written = stream.writeSync(rest);
      if (written === 0) return rest.byteLength === 0;
      rest = rest.subarray(written);
      since = performance.now();
    } catch (error) {
      // Nobody can be notified, and the log must not end the program.
      if (!isFull(error) || performance.now() - since > STUCK_MS) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
    }
  } while (rest.byteLength > 0);
  return true;
}
