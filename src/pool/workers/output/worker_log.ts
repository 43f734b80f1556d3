import type { Alarm, Alarms } from "../../../async/mod.ts";
import type { Log } from "../../../bridge/mod.ts";
import { getLogger, isEnabled, WORKER_CATEGORY } from "../../../log.ts";
import type { OutputLine } from "./output_marks.ts";
import { StackDump } from "./stack_dump.ts";

/** The bounds on the output of a worker in the log: at once, and then each second. */
const BURST = { lines: 5_000, chars: 2 * 1024 * 1024 } as const;
const A_SECOND = { lines: 1_000, chars: 256 * 1024 } as const;
/** The time after which the number of omitted lines is logged. */
const NOTICE_MS = 1_000;

/**
 * Writes the output of one worker, and its entries of Python's logging, into the log of the host.
 * Both share a bound, so that a tool that writes endlessly fills neither the log nor the host.
 * Lines beyond the bound are counted.
 */
export class WorkerLog implements Alarm {
  alarmBucket: Alarm["alarmBucket"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly #workerId: string;
  readonly #callPrefix: string;
  readonly #alarms: Alarms;
  readonly #log = getLogger(WORKER_CATEGORY);
  #lines: number = BURST.lines;
  #chars: number = BURST.chars;
  #refilledAt: number;
  #leftOut = 0;
  readonly #dump = new StackDump();
  /** A heading in a dump, which waits for the line that follows. */
  #heading: OutputLine | undefined;

  constructor(
    { workerId, callPrefix }: { readonly workerId: string; readonly callPrefix: string },
    alarms: Alarms,
  ) {
    this.#workerId = workerId;
    this.#callPrefix = callPrefix;
    this.#alarms = alarms;
    this.#refilledAt = alarms.now;
  }

  /** The number of omitted lines that was not logged yet. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /**
   * Logs a line that the worker has printed. If Python dumps its stacks in a crash, Snakeden's own
   * threads and frames are for the level `debug`.
   */
  line(line: OutputLine, from: "stdout" | "stderr"): void {
    if (from === "stdout") return this.#print(line, from, "info");
    const part = this.#dump.read(line.text);
    const level = part === "own" ? "debug" : "info";
    this.#printHeading(level);
    if (part === "heading") this.#heading = line;
    else this.#print(line, from, level);
  }

  #printHeading(level: "debug" | "info"): void {
    const heading = this.#heading;
    this.#heading = undefined;
    if (heading !== undefined) this.#print(heading, "stderr", level);
  }

  #print(
    { text, owner }: OutputLine,
    from: "stdout" | "stderr",
    level: "debug" | "info",
  ): void {
    if (!isEnabled(this.#log, level) || !this.#take(text.length)) return;
    const call = this.#call(owner);
    this.#log[level]("{line}", { workerId: this.#workerId, from, ...call, line: text });
  }

  /** Logs an entry of Python's logging. */
  entry({ level, logger, message, callId, dropped }: Log): void {
    const name = level >= 40
      ? "error"
      : level >= 30
      ? "warning"
      : level >= 20
      ? "info"
      : "debug" as const;
    this.#leave(dropped);
    if (!isEnabled(this.#log, name) || !this.#take(message.length)) return;
    this.#log[name]("{text}", {
      workerId: this.#workerId,
      logger,
      text: message,
      ...this.#call(callId),
    });
  }

  /** Returns the id of a call as callers know it, by its number; nothing if no call is known. */
  #call(number: number): { readonly callId?: string } {
    return number > 0 ? { callId: this.#callPrefix + number.toString(36) } : {};
  }

  /** Logs the number of omitted lines. */
  onAlarm(): void {
    const lines = this.#leftOut;
    this.#leftOut = 0;
    this.#log.warn("{lines} lines of {workerId} were dropped: it writes too many", {
      lines,
      workerId: this.#workerId,
    });
  }

  /** Ends the output of the worker. */
  close(): void {
    this.#printHeading("info");
    this.#alarms.clear(this);
    if (this.#leftOut > 0) this.onAlarm();
  }

  /**
   * Takes room for a line of `chars` characters. Without room it counts the line, and returns
   * false.
   */
  #take(chars: number): boolean {
    const { now } = this.#alarms;
    const seconds = (now - this.#refilledAt) / 1_000;
    this.#refilledAt = now;
    this.#lines = Math.min(BURST.lines, this.#lines + seconds * A_SECOND.lines);
    this.#chars = Math.min(BURST.chars, this.#chars + seconds * A_SECOND.chars);
    if (this.#lines < 1 || this.#chars < chars) {
      this.#leave(1);
      return false;
    }
    this.#lines--;
    this.#chars -= chars;
    return true;
  }

  #leave(lines: number): void {
    if (lines === 0) return;
    if (this.#leftOut === 0) this.#alarms.set(this, this.#alarms.now + NOTICE_MS);
    this.#leftOut += lines;
  }
}
