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
 * Removes the marks from the lines of one pipe of a worker. A mark stands at the end of a line: it
 * ends the line before it, and names the owner of the output that follows.
 *
 * @see output.py, the twin of this file, which writes the marks
 */
export class OutputMarks {
  readonly #mark: string;
  #owner: Owner = STARTUP;

  /** @param nonce The text with which this worker marks its output. */
  constructor(nonce: string) {
    this.#mark = `${MARK_START}${nonce}:`;
  }

  /** Takes a line of the pipe; returns undefined for one that holds nothing but a mark. */
  take(line: string): OutputLine | undefined {
    const owner = this.#owner;
    const at = line.lastIndexOf(this.#mark);
    if (at < 0) return { text: line, owner };
    const id = line.slice(at + this.#mark.length);
    if (!/^\d{1,10}$/.test(id)) return { text: line, owner };
    this.#owner = Number(id);
    if (at === 0) return undefined;
    return { text: line.slice(0, line[at - 1] === "\r" ? at - 1 : at), owner };
  }
}
