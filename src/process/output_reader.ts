import { setImmediate } from "node:timers";
import { LineSplitter } from "./line_splitter.ts";

/**
 * The number of lines delivered in one turn of the event loop. The rest waits for the next turn.
 */
const LINES_A_TURN = 256;

/**
 * The pause after a read of less than {@link LITTLE_BYTES}, so that the next one returns more: a
 * read costs more than a line.
 */
const PAUSE_MS = 4;
const LITTLE_BYTES = 32 * 1024;
/** The most bytes of one read: what a pipe holds. */
const READ_BYTES = 64 * 1024;

/** Options of {@link OutputReader}. */
export interface OutputOptions {
  readonly onLine: (line: string) => void;
  /**
   * Resolves when more lines are welcome; undefined if they are now. The reader asks after each
   * turn, and leaves the rest in the pipe meanwhile, unless it is in a hurry.
   */
  readonly room?: (() => Promise<void> | undefined) | undefined;
}

/**
 * Reads a pipe to its end and delivers its lines, a limited number in each turn of the event loop.
 * Any further output waits in the pipe, which slows down the writer instead of the host. Bytes that
 * are not UTF-8 become U+FFFD.
 */
export class OutputReader {
  /** Resolves when the pipe has ended or was abandoned. Never rejects. */
  readonly ended: Promise<void>;
  /** A count that grows with every read and every delivery. */
  steps = 0;
  bytes = 0;
  readonly #reader: ReadableStreamBYOBReader;
  /**
   * The memory of all reads. Without it, the runtime allocates as much for each, and a worker that
   * runs many short calls for jobs has hundreds of them in a second.
   */
  #memory: ArrayBuffer = new ArrayBuffer(READ_BYTES);
  readonly #options: OutputOptions;
  #left = false;
  #isHurried = false;
  /** Ends what the reader waits for besides the pipe. */
  #goOn: (() => void) | undefined;

  constructor(pipe: ReadableStream<Uint8Array>, options: OutputOptions) {
    this.#reader = pipe.getReader({ mode: "byob" });
    this.#options = options;
    this.ended = this.#read();
  }

  /** Reads without pauses from now on. */
  hurry(): void {
    this.#isHurried = true;
    this.#goOn?.();
  }

  /** Ends the pause before the next read, if there is one. */
  wake(): void {
    this.#goOn?.();
  }

  /** Abandons the pipe and all output that it may still bring. */
  async leave(): Promise<void> {
    this.#left = true;
    this.hurry();
    await this.#reader.cancel().catch(() => {});
    await this.ended;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const splitter = new LineSplitter();
    try {
      while (!this.#left) {
        const { value, done } = await this.#reader.read(new Uint8Array(this.#memory));
        if (done || value === undefined) break;
        this.#memory = value.buffer;
        this.bytes += value.byteLength;
        await this.#handOut(splitter.push(decoder.decode(value, { stream: true })));
        if (value.byteLength < LITTLE_BYTES) await this.#pause();
      }
    } catch {
      // The pipe broke. The output before that counts.
    }
    const rest = splitter.push(decoder.decode());
    await this.#handOut([...rest, ...splitter.end()]);
  }

  async #handOut(lines: readonly string[]): Promise<void> {
    for (let at = 0; at === 0 || at < lines.length; at += LINES_A_TURN) {
      const end = Math.min(at + LINES_A_TURN, lines.length);
      for (let i = at; i < end; i++) this.#options.onLine(lines[i] ?? "");
      this.steps++;
      await new Promise((resolve) => setImmediate(resolve));
      const room = this.#isHurried ? undefined : this.#options.room?.();
      if (room !== undefined) await this.#until((resolve) => void room.then(resolve, resolve));
    }
  }

  async #pause(): Promise<void> {
    if (this.#isHurried) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await this.#until((resolve) => timer = setTimeout(resolve, PAUSE_MS));
    clearTimeout(timer);
  }

  async #until(begin: (resolve: () => void) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goOn = resolve;
    begin(resolve);
    await promise;
    this.#goOn = undefined;
  }
}
