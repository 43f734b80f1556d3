import { setImmediate } from "node:timers";

/** Characters of a line that are kept; of a longer one the beginning and the end. */
const MAX_LINE_CHARS = 8 * 1024;
const TAIL_CHARS = 2 * 1024;
/** Lines that are handed out in one turn of the event loop: more of them wait for the next. */
const LINES_A_TURN = 256;

/** Pause after a read that has brought little, so that the next one brings more: a read costs more than a line does. */
const PAUSE_MS = 4;
const LITTLE_BYTES = 32 * 1024;

/** Output from before the first mark: of the start of the worker. */
export const STARTUP = -1;

/**
 * Whose output a line is: the id of a call on the link, {@link STARTUP}, or 0 when it cannot be told.
 */
export type Owner = number;

/** One line of the output of a worker. */
export interface OutputLine {
  readonly text: string;
  readonly owner: Owner;
}

/** What begins a mark. The twin of python/src/snakeden/output.py. */
const MARK_START = "\x1e";

/**
 * Cuts text into lines. Marks are taken out: a mark ends the line before it, and says whose output follows.
 *
 * @see python/src/snakeden/output.py
 */
export class LineSplitter {
  readonly #mark: string;
  #owner: Owner = STARTUP;
  /** Of the line that has no end yet: its beginning, once that is long enough, and what follows. */
  #head = "";
  #rest = "";
  /** Characters between the two that are not kept. */
  #leftOut = 0;

  /** @param nonce What this worker was told to mark its output with; none marks nothing. */
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

  /** Nothing follows; returns what is left. */
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

  /** Keeps the end of what follows the beginning. */
  #trim(): void {
    const excess = Math.max(0, this.#rest.length - TAIL_CHARS);
    this.#rest = this.#rest.slice(excess);
    this.#leftOut += excess;
  }

  /** The line has come to its end. */
  #complete(lines: OutputLine[]): void {
    const next = this.#takeMark();
    if (this.#head !== "") this.#trim();
    const cut = this.#leftOut === 0 ? "" : ` … ${this.#leftOut} characters left out … `;
    const line = this.#head + cut + this.#rest;
    this.#head = "";
    this.#rest = "";
    this.#leftOut = 0;
    // What a mark cuts off is a line only when something was there.
    if (next === undefined || line !== "") {
      lines.push({ text: line.endsWith("\r") ? line.slice(0, -1) : line, owner: this.#owner });
    }
    if (next !== undefined) this.#owner = next;
  }

  /** Cuts the mark off that the line ends with, if it does. */
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

/** What {@link OutputReader} needs. */
export interface OutputOptions {
  readonly nonce?: string | undefined;
  readonly onLine: (line: OutputLine) => void;
}

/**
 * Reads a pipe to its end and hands out its lines, some a turn of the event loop: a flood waits in the pipe, where it slows
 * whoever writes it, and not the host. Anything may come: what is not UTF-8 becomes U+FFFD.
 */
export class OutputReader {
  /** Resolves when the pipe has come to its end, or was left. Never rejects. */
  readonly ended: Promise<void>;
  /** Grows with what is read and with what is handed out. */
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

  /** Reads no more, whatever still comes. */
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
/** Such frames of our own and of the import system, and the list of native modules: none tells of the crash. */
const NOISE = [
  /^ {2}File "<frozen .*", line \d+ in /,
  /^ {2}File ".*\/(?:importlib\/__init__|src\/snakeden\/(?!demo\.|csv_)\w+)\.py", line \d+ in /,
  /^Extension modules: /,
];
/** What it writes above the frames of each thread but the one that crashed; a worker has three of its own. */
const OTHER_THREAD = /^Thread 0x[0-9a-f]+ .*\(most recent call first\):$/;
/** Of the thread that crashed. All of a dump would push out the line that says what happened, which comes before it. */
const MAX_DUMPED_FRAMES = 8;
/** What a process writes when it dies of an error in native code, or of a limit: nobody but what ran can have been it. */
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
