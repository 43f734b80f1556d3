import { LineSplitter } from "../../process/mod.ts";

/** The beginning of a line of stdout that is for Snakeden rather than for the log. */
export const MARK = "::snakeden ";
/** The longest such line, in characters. */
export const MAX_MARKED_CHARS = 1024 * 1024;

/** Receives the lines of a {@link MarkedLines}. */
export interface LineListener {
  line(text: string): void;
  /** Takes the text behind the mark; returns false if it is an ordinary line after all. */
  marked(text: string): boolean;
  /** Notes a marked line that is too long; `text` is its beginning. */
  tooLong(text: string): void;
}

/** Splits text into lines, and separates those with a mark from the others. */
export class MarkedLines {
  readonly #listener: LineListener;
  readonly #splitter = new LineSplitter();
  /** The beginning of a line that has the mark, or may have it. */
  #held = "";
  /** True if the splitter has the beginning of a line. */
  #isMidLine = false;
  #isSkipping = false;

  constructor(listener: LineListener) {
    this.#listener = listener;
  }

  /** Adds a piece of text. */
  push(piece: string): void {
    let text = this.#held + piece;
    this.#held = "";
    if (this.#isSkipping) {
      const end = text.indexOf("\n");
      if (end < 0) return;
      this.#isSkipping = false;
      text = text.slice(end + 1);
    }
    let at = 0;
    while (true) {
      const start = this.#nextMark(text, at);
      if (start < 0) break;
      this.#plain(text.slice(at, start));
      const end = text.indexOf("\n", start);
      if (end < 0) return this.#hold(text.slice(start));
      this.#take(text.slice(start, end));
      at = end + 1;
    }
    const rest = at === 0 ? text : text.slice(at);
    const last = rest.slice(rest.lastIndexOf("\n") + 1);
    const isAtStart = last.length < rest.length || !this.#isMidLine;
    if (last === "" || !isAtStart || !MARK.startsWith(last)) return this.#plain(rest);
    this.#plain(rest.slice(0, rest.length - last.length));
    this.#held = last;
  }

  /** Ends the text. */
  end(): void {
    const held = this.#held;
    this.#held = "";
    if (held.startsWith(MARK)) this.#take(held);
    else this.#plain(held);
    for (const line of this.#splitter.end()) this.#listener.line(line);
  }

  #nextMark(text: string, at: number): number {
    if (!this.#isMidLine && text.startsWith(MARK, at)) return at;
    const found = text.indexOf(`\n${MARK}`, at);
    return found < 0 ? -1 : found + 1;
  }

  #plain(text: string): void {
    if (text === "") return;
    for (const line of this.#splitter.push(text)) this.#listener.line(line);
    this.#isMidLine = !text.endsWith("\n");
  }

  #hold(text: string): void {
    if (text.length <= MAX_MARKED_CHARS) {
      this.#held = text;
      return;
    }
    this.#isSkipping = true;
    this.#listener.tooLong(text.slice(MARK.length, MARK.length + 32));
  }

  #take(line: string): void {
    if (line.length > MAX_MARKED_CHARS) {
      return this.#listener.tooLong(line.slice(MARK.length, MARK.length + 32));
    }
    const text = line.endsWith("\r") ? line.slice(MARK.length, -1) : line.slice(MARK.length);
    if (!this.#listener.marked(text)) this.#listener.line(line);
  }
}
