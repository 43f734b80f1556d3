import { setImmediate } from "node:timers";

/** Characters of a line that are kept; a longer line keeps its beginning and its end. */
const MAX_LINE_CHARS = 8 * 1024;
const TAIL_CHARS = 2 * 1024;
/** Lines that are delivered in one turn of the event loop; the rest wait for the next turn. */
const LINES_A_TURN = 256;

/** Pause after a small read, so that the next read returns more: a read costs more than a line. */
const PAUSE_MS = 4;
const LITTLE_BYTES = 32 * 1024;

/** The owner of output before the first mark, from the start of the worker. */
export const STARTUP = -1;

/**
 * The owner of a line of output: the id of a call on the link, {@link STARTUP}, or 0 if unknown.
 */
export type Owner = number;

/** One line of the output of a worker. */
export interface OutputLine {
  readonly text: string;
  readonly owner: Owner;
}

/** The start of a mark. The twin of python/src/snakeden/output.py. */
const MARK_START = "\x1e";

/**
 * Splits text into lines and removes marks. A mark ends the line before it, and names the owner of
 * the output that follows.
 *
 * @see python/src/snakeden/output.py
 */
export class LineSplitter {
  readonly #mark: string;
  #owner: Owner = STARTUP;
  /** The beginning of the unfinished line, once that is long enough, and the text that follows. */
  #head = "";
  #rest = "";
  /** The number of characters between the two that were dropped. */
  #leftOut = 0;

  /**
   * @param nonce The text with which this worker marks its output; without it nothing is marked.
   */
  constructor(nonce: string | undefined) {
    this.#mark = nonce === undefined ? "" : `${MARK_START}${nonce}:`;
  }

  /** Takes more text; returns the lines that it completes. */
  push(text: string): OutputLine[] {
    const [first = "", ...others] = text.split("\n");
    this.#hold(first);
    const lines: OutputLine[] = [];
    for (const part of others) {
      this.#complete(lines);
      this.#hold(part);
    }
    return lines;
  }

  /** Ends the text; returns the lines that are left. */
  end(): OutputLine[] {
    const lines: OutputLine[] = [];
    if (this.#rest !== "") this.#complete(lines);
    return lines;
  }

  #hold(part: string): void {
    this.#rest = this.#rest === "" ? part : this.#rest + part;
    if (this.#rest.length <= MAX_LINE_CHARS) return;
    if (this.#head === "") {
      this.#head = this.#rest.slice(0, MAX_LINE_CHARS - TAIL_CHARS);
      this.#rest = this.#rest.slice(this.#head.length);
    }
    this.#trim();
  }

  /** Drops the middle of a long line. */
  #trim(): void {
    const excess = Math.max(0, this.#rest.length - TAIL_CHARS);
    this.#rest = this.#rest.slice(excess);
    this.#leftOut += excess;
  }

  /** Ends the current line. */
  #complete(lines: OutputLine[]): void {
    const next = this.#takeMark();
    if (this.#head !== "") this.#trim();
    const cut = this.#leftOut === 0 ? "" : ` … ${this.#leftOut} characters left out … `;
    const line = this.#head + cut + this.#rest;
    this.#head = "";
    this.#rest = "";
    this.#leftOut = 0;
    // A mark ends a line only if there is text before it.
    if (next === undefined || line !== "") {
      lines.push({ text: line.endsWith("\r") ? line.slice(0, -1) : line, owner: this.#owner });
    }
    if (next !== undefined) this.#owner = next;
  }

  /** Removes the mark at the end of the line, if there is one. */
  #takeMark(): Owner | undefined {
    if (this.#mark === "") return undefined;
    const at = this.#rest.lastIndexOf(this.#mark);
    if (at < 0) return undefined;
    const id = this.#rest.slice(at + this.#mark.length);
    if (!/^\d{1,10}$/.test(id)) return undefined;
    this.#rest = this.#rest.slice(0, at);
    return Number(id);
  }
}

/** Options of {@link OutputReader}. */
export interface OutputOptions {
  readonly nonce?: string | undefined;
  readonly onLine: (line: OutputLine) => void;
}

/**
 * Reads a pipe to its end and delivers its lines, a limited number in each turn of the event loop.
 * The rest of a flood waits in the pipe, where it slows the writer and not the host. Bytes that are
 * not UTF-8 become U+FFFD.
 */
export class OutputReader {
  /** Resolves when the pipe has ended or was abandoned. Never rejects. */
  readonly ended: Promise<void>;
  /** A count that grows with every read and every delivery. */
  steps = 0;
  bytes = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: OutputOptions;
  #left = false;
  #isHurried = false;
  #endPause = (): void => {};

  constructor(pipe: ReadableStream<Uint8Array>, options: OutputOptions) {
    this.#reader = pipe.getReader();
    this.#options = options;
    this.ended = this.#read();
  }

  /** Reads without pauses from now on. */
  hurry(): void {
    this.#isHurried = true;
    this.#endPause();
  }

  /** Abandons the pipe, whatever it may still bring. */
  async leave(): Promise<void> {
    this.#left = true;
    this.hurry();
    await this.#reader.cancel().catch(() => {});
    await this.ended;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const splitter = new LineSplitter(this.#options.nonce);
    try {
      while (!this.#left) {
        const { value } = await this.#reader.read();
        if (value === undefined) break;
        this.bytes += value.byteLength;
        await this.#handOut(splitter.push(decoder.decode(value, { stream: true })));
        if (value.byteLength < LITTLE_BYTES && !this.#isHurried) await this.#pause();
      }
    } catch {
      // The pipe broke; what came before counts.
    }
    const rest = splitter.push(decoder.decode());
    await this.#handOut([...rest, ...splitter.end()]);
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PAUSE_MS);
    this.#endPause = (): void => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  async #handOut(lines: readonly OutputLine[]): Promise<void> {
    for (let at = 0; at === 0 || at < lines.length; at += LINES_A_TURN) {
      const end = Math.min(at + LINES_A_TURN, lines.length);
      for (let i = at; i < end; i++) this.#options.onLine(lines[i] as OutputLine);
      this.steps++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A line of what Python's faulthandler writes, most recent call first; a traceback has a comma before the `in`. */
const DUMPED_FRAME = /^ {2}File ".*", line \d+ in /;
/**
 * Dumped lines that do not explain the crash: frames of our own and of the import system, and the
 * list of native modules.
 */
const NOISE = [
  /^ {2}File "<frozen .*", line \d+ in /,
  /^ {2}File ".*\/(?:importlib\/__init__|src\/snakeden\/(?!demo\.|csv_)\w+)\.py", line \d+ in /,
  /^Extension modules: /,
];
/** What it writes above the frames of each thread but the one that crashed; a worker has three of its own. */
const OTHER_THREAD = /^Thread 0x[0-9a-f]+ .*\(most recent call first\):$/;
/** Of the thread that crashed. All of a dump would push out the line that says what happened, which comes before it. */
const MAX_DUMPED_FRAMES = 8;
/**
 * The lines that a process writes when an error in native code or a limit kills it. Only its own
 * code can have caused that.
 */
const DUMP = /^(?:Fatal Python error: |Current thread 0x[0-9a-f]+ )/;

/** The last lines of an output, for error texts: at most `maxLines`, each cut at 500 characters. */
export class OutputTail {
  readonly #lines: OutputLine[] = [];
  readonly #maxLines: number;
  #dumpedFrames = 0;

  constructor(maxLines = 20) {
    this.#maxLines = maxLines;
  }

  push({ text, owner }: OutputLine): void {
    // Bars of progress and blank lines push out the line that explains the crash.
    if (text.trim() === "" || NOISE.some((it) => it.test(text))) return;
    if (OTHER_THREAD.test(text)) this.#dumpedFrames = Infinity;
    else this.#dumpedFrames = DUMPED_FRAME.test(text) ? this.#dumpedFrames + 1 : 0;
    if (this.#dumpedFrames > MAX_DUMPED_FRAMES) return;
    this.#lines.push({ text: text.length > 500 ? `${text.slice(0, 500)}…` : text, owner });
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines.map(({ text }) => text);
  }

  /**
   * The lines that these calls have written, or those of the start when there are no calls; and
   * what the process wrote as it died, from the beginning of the dump on. No line of another call
   * is among them, whatever it looks like.
   */
  of(calls: readonly number[]): readonly string[] {
    const isOwn = ({ owner }: OutputLine): boolean =>
      calls.length === 0 ? owner === STARTUP : calls.includes(owner);
    const ofNoOther = this.#lines.filter((it) => isOwn(it) || it.owner <= 0);
    const dump = ofNoOther.findIndex(({ text }) => DUMP.test(text));
    return ofNoOther
      .filter((line, i) => isOwn(line) || (dump >= 0 && i >= dump))
      .map(({ text }) => text);
  }
}
