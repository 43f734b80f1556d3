import { joined } from "./without_middle.ts";

/** The length of a line above which only its beginning and end are kept, in characters. */
const MAX_CHARS = 8 * 1024;
const TAIL_CHARS = 2 * 1024;

/** Options of {@link LineSplitter}. */
export interface LineSplitterOptions {
  /**
   * The length of a line, in characters, above which its middle is left out: at least
   * {@link TAIL_CHARS}; 8,192 if omitted. `Infinity` keeps every line whole.
   */
  readonly maxChars?: number;
}

/**
 * Splits text that arrives in pieces into lines, at `\n` or `\r\n`. A last line without a line feed
 * counts too. The middle of a line that is too long becomes ` … 123 characters left out … `.
 */
export class LineSplitter {
  readonly #maxChars: number;
  /**
   * The beginning of the unfinished line, set once the line is too long. `#rest` is the text that
   * follows.
   */
  #head = "";
  #rest = "";
  /** The number of characters dropped between `#head` and `#rest`. */
  #leftOut = 0;

  constructor({ maxChars = MAX_CHARS }: LineSplitterOptions = {}) {
    this.#maxChars = maxChars;
  }

  /** Adds a piece of text. Returns the lines that it completes. */
  push(text: string): string[] {
    const parts = text.split("\n");
    for (let i = 0; i < parts.length; i++) {
      this.#hold(parts[i] ?? "");
      if (i < parts.length - 1) parts[i] = this.#complete();
    }
    parts.pop();
    return parts;
  }

  /** Ends the text. Returns its last line if that has no line feed. */
  end(): string[] {
    return this.#rest === "" ? [] : [this.#complete()];
  }

  #hold(part: string): void {
    this.#rest = this.#rest === "" ? part : this.#rest + part;
    if (this.#rest.length <= this.#maxChars) return;
    if (this.#head === "") {
      this.#head = this.#rest.slice(0, this.#maxChars - TAIL_CHARS);
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
  #complete(): string {
    if (this.#head !== "") this.#trim();
    const line = this.#leftOut === 0
      ? this.#head + this.#rest
      : joined(this.#head, this.#leftOut, this.#rest);
    this.#head = "";
    this.#rest = "";
    this.#leftOut = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
