import { fitText, type Paint, painted, plain } from "../terminal/mod.ts";
import type { CliIo, CliSink } from "./cli_io.ts";
import { OutputClosed } from "./exit_status.ts";

export type ColorChoice = "auto" | "always" | "never";

const encoder = new TextEncoder();
/** The columns of a terminal that does not say how many it has. */
const USUAL_COLUMNS = 80;
/** The least time between two drawings of the line of progress. */
const REDRAW_MS = 100;
/** Erases the line of progress. */
const ERASE = "\r\x1b[K";

/**
 * The two streams of the program: data goes to standard output, and all else to standard error. On
 * a terminal, standard error may end with a line of progress, which is drawn again in its place.
 */
export class Output {
  /** Paints for standard output, and for standard error. */
  readonly paint: Paint;
  readonly paintNote: Paint;
  readonly #io: CliIo;
  /** The line of progress that is drawn. */
  #progress = "";
  #drawnAt = -Infinity;
  /** Makes the line that is drawn next. */
  #next: ((columns: number) => string) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawing: Promise<void> | undefined;
  /** The last of the writes, which go one after the other: two at once could mix their bytes. */
  #turn: Promise<void> = Promise.resolve();

  constructor(io: CliIo, color: ColorChoice) {
    this.#io = io;
    const paintOf = (sink: CliSink): Paint => hasColor(io, sink, color) ? painted : plain;
    this.paint = paintOf(io.stdout);
    this.paintNote = paintOf(io.stderr);
  }

  /** The columns to which lines of data are cut; undefined if they are not for a terminal. */
  get width(): number | undefined {
    const columns = this.#io.columns();
    return this.#io.stdout.isTerminal() && columns > 0 ? columns : undefined;
  }

  get isTerminal(): boolean {
    return this.#io.stdout.isTerminal();
  }

  /** True if progress can be drawn. */
  get hasProgress(): boolean {
    return this.#io.stderr.isTerminal() && this.#io.env("TERM") !== "dumb";
  }

  /**
   * Writes a line of data.
   *
   * @throws {OutputClosed} If nobody reads it.
   */
  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Writes lines of data at once. */
  async lines(texts: readonly string[]): Promise<void> {
    if (texts.length > 0) await this.line(texts.join("\n"));
  }

  /** Writes data as it is. */
  async write(text: string): Promise<void> {
    await this.clearProgress();
    await this.#inTurn(() => this.#writeData(text));
  }

  /**
   * Writes lines above the line of progress, which stays: lines of data, or lines for people.
   *
   * @throws {OutputClosed} If nobody reads the data.
   */
  async linesAbove(texts: readonly string[], kind: "data" | "notes"): Promise<void> {
    if (texts.length === 0) return;
    const text = `${texts.join("\n")}\n`;
    await this.#inTurn(async () => {
      const drawn = this.#progress;
      if (drawn === "" && kind === "data") return await this.#writeData(text);
      const erase = drawn === "" ? "" : ERASE;
      if (kind === "notes") return await this.#tell(erase + text + drawn);
      await this.#tell(erase);
      await this.#writeData(text);
      await this.#tell(drawn);
    });
  }

  /** Writes a line for people. */
  async note(text: string): Promise<void> {
    await this.clearProgress();
    await this.#inTurn(() => this.#tell(`${text}\n`));
  }

  /** Writes a text for people that awaits an answer in its line. */
  async ask(text: string): Promise<void> {
    await this.clearProgress();
    await this.#inTurn(() => this.#tell(text));
  }

  /**
   * Draws the line of progress, which `lineOf` makes for so many columns. If the last drawing was
   * just before, it is drawn a moment later, unless another one takes its place.
   */
  async progress(lineOf: (columns: number) => string): Promise<void> {
    if (!this.hasProgress) return;
    this.#next = lineOf;
    if (this.#timer !== undefined) return;
    const pauseMs = this.#drawnAt + REDRAW_MS - performance.now();
    if (pauseMs <= 0) return await this.#draw();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // The error of a terminal that is gone belongs to whoever writes next.
      this.#drawing = this.#draw().catch(() => {});
    }, pauseMs);
  }

  async clearProgress(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = this.#next = undefined;
    await this.#drawing;
    await this.#inTurn(async () => {
      if (this.#progress === "") return;
      this.#progress = "";
      this.#drawnAt = -Infinity;
      await this.#tell(ERASE);
    });
  }

  async #draw(): Promise<void> {
    this.#drawnAt = performance.now();
    await this.#inTurn(async () => {
      if (this.#next === undefined) return;
      const columns = this.#io.columns() || USUAL_COLUMNS;
      // A character in the last column makes some terminals begin another line.
      const text = fitText(this.#next(columns - 1), columns - 1);
      if (text === this.#progress) return;
      this.#progress = text;
      await this.#tell(`\r${text}\x1b[K`);
    });
  }

  /** Writes after all that was to be written before. */
  #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(write);
    // Its error belongs to whoever has written.
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #writeData(text: string): Promise<void> {
    try {
      await writeAll(this.#io.stdout, text);
    } catch (error) {
      if (isClosed(error)) throw new OutputClosed("Nobody reads the output");
      throw error;
    }
  }

  async #tell(text: string): Promise<void> {
    try {
      await writeAll(this.#io.stderr, text);
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
  }
}

function hasColor(io: CliIo, sink: CliSink, color: ColorChoice): boolean {
  if (color !== "auto") return color === "always";
  const isWanted = (io.env("NO_COLOR") ?? "") === "" && io.env("TERM") !== "dumb";
  return isWanted && sink.isTerminal();
}

/** Writes all of a text. */
export async function writeAll(sink: Pick<CliSink, "write">, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}

/** Returns true for the error of a stream whose reader has left, or of a terminal that is gone. */
function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && "code" in error && (error.code === "EIO" || error.code === "EPIPE"));
}
