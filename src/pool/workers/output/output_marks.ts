/** The owner of output before the first mark, from the start of the worker. */
export const STARTUP = -1;

/**
 * The owner of a line of output: the number of a call (`Call.number` of link.proto),
 * {@link STARTUP}, or 0 if unknown.
 */
export type Owner = number;

/** One line of the output of a worker. */
export interface OutputLine {
  readonly text: string;
  readonly owner: Owner;
}

/** The start of a mark. */
const MARK_START = "\x1e";
/**
 * A mark that names the owner of the output that follows, the owner of its own line only, the call
 * that has ended, or the status of the coming exit.
 */
const MARK = /^(?:(\d{1,10})|of=(\d{1,10})|end=(\d{1,10})|exit=(\d{1,3}))$/;

/**
 * Removes the marks from the lines of one pipe of a worker. A mark stands at the end of a line: it
 * ends the line before it. It names the owner of the output that follows, the owner of that line
 * alone, the call whose output has ended, or the status with which the worker's own code is about
 * to exit.
 *
 * @see output.py, the twin of this file, which writes the marks
 */
export class OutputMarks {
  readonly #mark: string;
  #owner: Owner = STARTUP;
  #ownStatus: number | undefined;
  #ended: number | undefined;

  /** @param nonce The text with which this worker marks its output. */
  constructor(nonce: string) {
    this.#mark = `${MARK_START}${nonce}:`;
  }

  /** The exit status that the worker's own code has announced. A tool announces none. */
  get ownStatus(): number | undefined {
    return this.#ownStatus;
  }

  /** The number of the call whose output has ended with the last line that was taken. */
  get ended(): number | undefined {
    return this.#ended;
  }

  /** Takes a line of the pipe; returns undefined for one that holds nothing but a mark. */
  take(line: string): OutputLine | undefined {
    const owner = this.#owner;
    this.#ended = undefined;
    const at = line.lastIndexOf(this.#mark);
    if (at < 0) return { text: line, owner };
    const mark = MARK.exec(line.slice(at + this.#mark.length));
    if (mark === null) return { text: line, owner };
    const [, next, own, ended, status] = mark;
    if (own !== undefined) return { text: textBefore(line, at), owner: Number(own) };
    if (next !== undefined) {
      this.#owner = Number(next);
    } else if (ended !== undefined) {
      this.#owner = 0;
      this.#ended = Number(ended);
    } else this.#ownStatus = Number(status);
    if (at === 0) return undefined;
    return { text: textBefore(line, at), owner };
  }
}

/** Returns the line before a mark. */
function textBefore(line: string, at: number): string {
  return line.slice(0, line[at - 1] === "\r" ? at - 1 : at);
}
