import { Buffer } from "node:buffer";
import { withoutMiddle } from "../../process/mod.ts";
import type { RunLines, StoredLine } from "../../store/mod.ts";

/** Bytes of lines that may wait; those that come then are only counted. */
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
 * line beyond the limits is only counted.
 */
export class RunLog {
  readonly #limits: RunLogLimits;
  #parts: RunLines[] = [];
  #gathering: Gathering | undefined;
  #next = 1;
  /** The bytes of all lines so far, and of those that wait. */
  #bytes = 0;
  #waiting = 0;

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

  /** Adds a line. */
  add(line: StoredLine): void {
    const { maxBytes, maxLineChars } = this.#limits;
    if (this.#bytes > maxBytes || this.#waiting > MAX_WAITING_BYTES) return this.leaveOut(1);
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

  /** Counts lines that cannot be kept. */
  leaveOut(lines: number): void {
    this.#gather().leftOut += lines;
    this.#next += lines;
  }

  /** Takes all lines that wait. */
  take(): RunLines[] {
    this.#seal();
    const parts = this.#parts;
    this.#parts = [];
    this.#waiting = 0;
    return parts;
  }

  /** Keeps parts that were taken and not written. */
  putBack(parts: readonly RunLines[]): void {
    this.#parts.unshift(...parts);
    for (const { body } of parts) this.#waiting += body.byteLength;
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
