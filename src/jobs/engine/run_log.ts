import { Buffer } from "node:buffer";
import { withoutMiddle } from "../../process/mod.ts";
import type { RunLines, StoredLine } from "../../store/mod.ts";

/** Bytes of lines that may wait. Those that come then are missing, as a later line says. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** The bytes of a part, which is read and written in one turn of the event loop. */
const PART_BYTES = 64 * 1024;

/** Limits of a {@link RunLog}. */
export interface RunLogLimits {
  /** The most bytes of one run. The store holds the limit of the job, over all runs. */
  readonly maxBytes: number;
  /** The most characters of the text of a line. */
  readonly maxLineChars: number;
}

/** Lines that are gathered for one part. */
interface Gathering {
  first: number;
  lines: string[];
  bytes: number;
  leftOut: number;
}

/**
 * The lines that one run has written, and the store has not heard of. They are numbered from 1; a
 * line beyond the bytes of a log is only counted. One for which there is no room now is missing
 * between others, which a line of Snakeden says there.
 */
export class RunLog {
  readonly #limits: RunLogLimits;
  #parts: RunLines[] = [];
  #gathering: Gathering | undefined;
  #next = 1;
  /** The bytes of all lines so far, and of those that wait. */
  #bytes = 0;
  #waiting = 0;
  /** Lines that are missing behind the last one. */
  #missing = 0;

  constructor(limits: RunLogLimits) {
    this.#limits = limits;
  }

  /** The bytes of the lines that wait to be written. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  /** True if nothing waits to be written. */
  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#gathering === undefined;
  }

  /** Adds a line. Those of Snakeden itself are few, and need no room. */
  add(line: StoredLine): void {
    if (this.#bytes > this.#limits.maxBytes) return this.#leaveOut(1);
    if (line.source !== "host" && this.#waiting > MAX_WAITING_BYTES) return this.miss(1);
    this.#tellMissing();
    this.#write(line);
  }

  /** Notes that lines are lost which would be the next ones. */
  miss(lines: number): void {
    if (this.#bytes > this.#limits.maxBytes) this.#leaveOut(lines);
    else this.#missing += lines;
  }

  /** Adds what there is to say at the end. No line follows. */
  close(): void {
    this.#tellMissing();
  }

  /** Takes lines that wait: all, or the first ones with about `maxBytes`. */
  take(maxBytes = Infinity): RunLines[] {
    let bytes = 0;
    let count = 0;
    for (; count < this.#parts.length && bytes < maxBytes; count++) {
      bytes += this.#parts[count]?.body.byteLength ?? 0;
    }
    if (count === this.#parts.length && bytes < maxBytes) {
      this.#seal();
      count = this.#parts.length;
      bytes = this.#waiting;
    }
    this.#waiting -= bytes;
    return this.#parts.splice(0, count);
  }

  /** Keeps parts that were taken and not written. */
  putBack(parts: readonly RunLines[]): void {
    this.#parts.unshift(...parts);
    for (const { body } of parts) this.#waiting += body.byteLength;
  }

  #tellMissing(): void {
    const lines = this.#missing;
    if (lines === 0) return;
    this.#missing = 0;
    const text = `${lines} ${lines === 1 ? "line is" : "lines are"} missing here, which came ` +
      "faster than they could be kept";
    this.#write({ at: Date.now(), source: "host", level: "warning", text });
  }

  #write(line: StoredLine): void {
    const { maxLineChars } = this.#limits;
    const text = `${JSON.stringify({ ...line, text: withoutMiddle(line.text, maxLineChars) })}\n`;
    const bytes = Buffer.byteLength(text);
    const { leftOut, bytes: gathered } = this.#gathering ?? { leftOut: 0, bytes: 0 };
    if (leftOut > 0 || gathered + bytes > PART_BYTES) this.#seal();
    const part = this.#gather();
    part.lines.push(text);
    part.bytes += bytes;
    this.#next++;
    this.#bytes += bytes;
    this.#waiting += bytes;
  }

  /** Counts lines that cannot be kept, nor can any that follow. */
  #leaveOut(lines: number): void {
    this.#gather().leftOut += lines;
    this.#next += lines;
  }

  #gather(): Gathering {
    return this.#gathering ??= { first: this.#next, lines: [], bytes: 0, leftOut: 0 };
  }

  #seal(): void {
    const part = this.#gathering;
    if (part === undefined) return;
    this.#gathering = undefined;
    const { first, lines, leftOut } = part;
    const body = new TextEncoder().encode(lines.join(""));
    this.#parts.push({ first, lines: lines.length, leftOut, body });
  }
}
