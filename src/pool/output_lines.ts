/** Bytes after which a line without an end is cut. */
const MAX_LINE_BYTES = 8 * 1024;

/**
 * Reads a pipe to its end and hands out its lines. Anything may come: what is not UTF-8 becomes U+FFFD, a line without an
 * end is cut at 8 KiB.
 */
export async function readLines(
  pipe: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of pipe) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) emit(line, onLine);
    while (rest.length > MAX_LINE_BYTES) {
      onLine(rest.slice(0, MAX_LINE_BYTES));
      rest = rest.slice(MAX_LINE_BYTES);
    }
  }
  rest += decoder.decode();
  if (rest !== "") emit(rest, onLine);
}

function emit(line: string, onLine: (line: string) => void): void {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  for (let i = 0; i === 0 || i < text.length; i += MAX_LINE_BYTES) {
    onLine(text.slice(i, i + MAX_LINE_BYTES));
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

/** The last lines of an output, for error texts: at most `maxLines`, each cut at 500 characters. */
export class OutputTail {
  readonly #lines: string[] = [];
  readonly #maxLines: number;
  #dumpedFrames = 0;

  constructor(maxLines = 20) {
    this.#maxLines = maxLines;
  }

  push(line: string): void {
    // Bars of progress and blank lines push out the line that explains the crash.
    if (line.trim() === "" || NOISE.some((it) => it.test(line))) return;
    if (OTHER_THREAD.test(line)) this.#dumpedFrames = Infinity;
    else this.#dumpedFrames = DUMPED_FRAME.test(line) ? this.#dumpedFrames + 1 : 0;
    if (this.#dumpedFrames > MAX_DUMPED_FRAMES) return;
    this.#lines.push(line.length > 500 ? `${line.slice(0, 500)}…` : line);
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return [...this.#lines];
  }
}
