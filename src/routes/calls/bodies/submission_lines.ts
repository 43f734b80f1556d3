import { nextTurn } from "../../../async/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import { decodeText, parseJson, type TimeLimit, type Wait } from "../../http/mod.ts";
import { BodyBytes } from "../input/mod.ts";
import { MAX_BATCH, submissionOf } from "./submission_body.ts";

/** The longest line. It is parsed on the event loop, in about 10 ms. */
const MAX_LINE_BYTES = 1_048_576;
/** The bytes after which a part takes no further line. */
const MAX_PART_BYTES = 4 * 1_048_576;
/** The bytes that are parsed in one turn of the event loop. */
const TURN_BYTES = 512 * 1024;
/** The bytes that take as long as a line takes beside its bytes. */
const LINE_COST_BYTES = 512;

/** Submissions that are handed on together. */
export interface LinesPart {
  /** As {@link decodeBatch} returns them. A line that cannot be read is its error. */
  readonly inputs: readonly unknown[];
  /** The length of their lines. */
  readonly bytes: number;
}

/** Options of {@link SubmissionLines}. */
export interface LinesOptions {
  readonly maxDepth: number;
  /** The time within which further bytes must arrive; its owner checks it. */
  readonly time: TimeLimit;
  /** True if the request announces the length of the body. */
  readonly isMeasured: boolean;
}

/**
 * Submissions of jobs as lines of JSON, in parts of up to 1,000. It takes a part when it is asked
 * for, so that a store that is slow stops the client by its socket, in the bounds of
 * {@link BodyBytes}. Empty lines are skipped.
 */
export class SubmissionLines implements Wait {
  since = 0;
  readonly #bytes: BodyBytes;
  readonly #options: LinesOptions;
  #line = 0;
  #isLate = false;

  constructor(body: ReadableStream<Uint8Array> | null, options: LinesOptions) {
    // Parts are answered while others arrive.
    this.#bytes = new BodyBytes(body, { isMeasured: options.isMeasured, isDuplex: true });
    this.#options = options;
  }

  /**
   * Returns the next part; undefined if there is none.
   *
   * @throws {SnakedenError} `request_incomplete`, or `body_too_large` for a line.
   */
  async nextPart(): Promise<LinesPart | undefined> {
    const inputs: unknown[] = [];
    let bytes = 0;
    let turnBytes = 0;
    while (inputs.length < MAX_BATCH && bytes < MAX_PART_BYTES) {
      const line = this.#takeLine();
      if (line === undefined) {
        if (this.#bytes.isOver) break;
        await this.#read();
        continue;
      }
      turnBytes += line.byteLength + LINE_COST_BYTES;
      if (turnBytes > TURN_BYTES) {
        await nextTurn();
        turnBytes = 0;
      }
      const input = this.#inputOf(line);
      if (input === undefined) continue;
      inputs.push(input);
      bytes += line.byteLength;
    }
    return inputs.length === 0 ? undefined : { inputs, bytes };
  }

  /** Reads nothing more. */
  async cancel(): Promise<void> {
    this.#options.time.end(this);
    await this.#bytes.cancel();
  }

  /** Gives up on a client that sends nothing. */
  onLate(): void {
    this.#isLate = true;
    this.cancel().catch(() => {});
  }

  async #read(): Promise<void> {
    this.#options.time.begin(this);
    try {
      await this.#bytes.read();
    } finally {
      this.#options.time.end(this);
    }
    if (this.#isLate) throw tooSlow();
  }

  #takeLine(): Uint8Array | undefined {
    const { length, isOver } = this.#bytes;
    const line = this.#bytes.takeLine() ??
      (isOver && length > 0 ? this.#bytes.take(length) : undefined);
    if ((line?.byteLength ?? length) > MAX_LINE_BYTES) throw lineTooLong(this.#line + 1);
    if (line !== undefined) this.#line++;
    return line;
  }

  /** Returns the submission of a line, or its error; undefined for an empty line. */
  #inputOf(line: Uint8Array): unknown {
    const { maxDepth } = this.#options;
    try {
      const text = decodeText(line, "line");
      if (text.trim() === "") return undefined;
      // A line is short enough to be parsed at once when the job runs.
      return submissionOf(parseJson(text, "line", maxDepth), { maxDepth, maxListItems: Infinity });
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      const issues = error.issues.map(({ message }) => ({ path: "", message }));
      return new InvalidInputError(error.message, issues);
    }
  }
}

function lineTooLong(line: number): SnakedenError {
  return new SnakedenError(
    "body_too_large",
    `Cannot read line ${line}: it has more than ${MAX_LINE_BYTES} bytes; send a job with larger ` +
      "arguments by itself",
    { details: { line, maxLineBytes: MAX_LINE_BYTES } },
  );
}

function tooSlow(): SnakedenError {
  return new SnakedenError(
    "request_incomplete",
    "Cannot take the rest of the body: nothing arrived for too long (limits.bodyTimeoutMs)",
    { retryable: true },
  );
}
