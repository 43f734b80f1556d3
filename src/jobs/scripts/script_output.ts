import { nextTurn } from "../../async/mod.ts";
import { Value } from "../../bridge/mod.ts";
import type { OutputPipe, OutputSink } from "../../pool/mod.ts";
import { type LineListener, MarkedLines, MAX_MARKED_CHARS } from "./marked_lines.ts";

/** The last lines of stderr that an error shows. */
const TAIL_LINES = 20;
const TAIL_CHARS = 4_000;
/** The longest report of progress, in characters. */
const MAX_PROGRESS_CHARS = 64 * 1024;
/** The bytes of output that are split in one turn of the event loop. */
const TURN_BYTES = 64 * 1024;

/** Dependencies of a {@link ScriptOutput}. */
export interface ScriptOutputDeps {
  /** Receives lines for the log; undefined if none is kept. */
  readonly log: OutputSink | undefined;
  readonly onProgress: (report: unknown) => void;
  /** True if marked lines of stdout have a meaning. */
  readonly readsMarks: boolean;
  readonly maxDepth: number;
  readonly maxBytes: number;
  /** Called once, when the program has printed too much. */
  readonly onTooMuch: () => void;
}

/** A result that was printed. */
export type PrintedResult = { readonly json: string } | { readonly tooLong: true };

/** The output of a program: its log, its reports of progress, and its result. */
export class ScriptOutput {
  readonly #deps: ScriptOutputDeps;
  readonly #pipes: Readonly<Record<OutputPipe, Pipe>>;
  readonly #tail: string[] = [];
  #tailChars = 0;
  #bytes = 0;
  #heardAt = performance.now();
  #result: PrintedResult | undefined;

  constructor(deps: ScriptOutputDeps) {
    this.#deps = deps;
    this.#pipes = {
      stdout: new Pipe({
        line: (text) => this.#deps.log?.line(text, "stdout"),
        marked: (text) => deps.readsMarks && this.#marked(text),
        tooLong: (text) => this.#tooLong(text),
      }),
      stderr: new Pipe({
        line: (text) => this.#errorLine(text),
        marked: () => false,
        tooLong: () => {},
      }),
    };
  }

  /** The last result that was printed. */
  get result(): PrintedResult | undefined {
    return this.#result;
  }

  /** The last lines of stderr. */
  get stderrTail(): readonly string[] {
    return this.#tail;
  }

  /** The time since the last output, in milliseconds. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  /** Takes bytes; resolves when it can take more. */
  async take(source: OutputPipe, bytes: Uint8Array): Promise<void> {
    this.#heardAt = performance.now();
    const before = this.#bytes;
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#deps.maxBytes) {
      if (before <= this.#deps.maxBytes) this.#deps.onTooMuch();
      return;
    }
    for (let at = 0; at < bytes.byteLength; at += TURN_BYTES) {
      if (at > 0) await nextTurn();
      this.#pipes[source].push(bytes.subarray(at, at + TURN_BYTES));
    }
    const room = this.#deps.log?.room;
    if (room !== undefined) await room;
  }

  /** Ends the output. */
  end(): void {
    this.#pipes.stdout.end();
    this.#pipes.stderr.end();
  }

  #marked(text: string): boolean {
    const space = text.indexOf(" ");
    const word = space < 0 ? text : text.slice(0, space);
    const json = space < 0 ? "" : text.slice(space + 1);
    if (word === "result") {
      this.#result = { json };
      return true;
    }
    if (word !== "progress" || json.length > MAX_PROGRESS_CHARS) return false;
    try {
      const report: unknown = JSON.parse(json);
      // One that is nested too deep could not be written.
      Value.fromJsonTree(report, { maxDepth: this.#deps.maxDepth, name: "progress" });
      this.#deps.onProgress(report);
      return true;
    } catch {
      return false;
    }
  }

  #tooLong(beginning: string): void {
    if (beginning.startsWith("result ")) this.#result = { tooLong: true };
    this.#deps.log?.line(
      `a line for Snakeden was left out: it is longer than ${MAX_MARKED_CHARS} characters`,
      "stdout",
    );
  }

  #errorLine(text: string): void {
    this.#deps.log?.line(text, "stderr");
    this.#tail.push(text);
    this.#tailChars += text.length;
    while (
      this.#tail.length > TAIL_LINES || this.#tail.length > 1 && this.#tailChars > TAIL_CHARS
    ) {
      this.#tailChars -= this.#tail.shift()?.length ?? 0;
    }
  }
}

/** One pipe; bytes that are not UTF-8 become U+FFFD. */
class Pipe {
  readonly #decoder = new TextDecoder();
  readonly #lines: MarkedLines;

  constructor(listener: LineListener) {
    this.#lines = new MarkedLines(listener);
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): void {
    this.#lines.push(this.#decoder.decode());
    this.#lines.end();
  }
}
