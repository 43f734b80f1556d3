import type { Log } from "../bridge/mod.ts";
import { getLogger, WORKER_CATEGORY } from "../log.ts";
import type { Alarm, Deadlines } from "./deadlines.ts";
import type { OutputLine } from "./output_lines.ts";

/** What a worker may write into the log at once, and then each second. */
const BURST = { lines: 5_000, chars: 2 * 1024 * 1024 } as const;
const A_SECOND = { lines: 1_000, chars: 256 * 1024 } as const;
/** Time after which what was left out is told. */
const NOTICE_MS = 1_000;

/**
 * What one worker writes, into the log of the host: lines of its output, and entries of Python's logging. There is a bound on
 * both together, so that a tool which writes without end fills neither the log nor the host; lines beyond it are counted.
 */
export class WorkerLog implements Alarm {
  alarmSlot: Alarm["alarmSlot"] = undefined;
  alarmPrevious: Alarm | undefined = undefined;
  alarmNext: Alarm | undefined = undefined;
  readonly #workerId: string;
  readonly #alarms: Deadlines;
  readonly #log = getLogger(WORKER_CATEGORY);
  #lines: number = BURST.lines;
  #chars: number = BURST.chars;
  #refilledAt: number;
  #leftOut = 0;

  constructor(workerId: string, alarms: Deadlines) {
    this.#workerId = workerId;
    this.#alarms = alarms;
    this.#refilledAt = alarms.now;
  }

  /** Lines beyond the bound that nobody was told of yet. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** It has printed a line. */
  line({ text, owner }: OutputLine, from: "stdout" | "stderr"): void {
    if (!this.#log.isEnabledFor("info") || !this.#take(text.length)) return;
    const callId = owner > 0 ? { callId: owner } : {};
    this.#log.info("{line}", { workerId: this.#workerId, from, ...callId, line: text });
  }

  /** It has logged an entry. */
  entry({ level, logger, message, callId, dropped }: Log): void {
    const name = level >= 40
      ? "error"
      : level >= 30
      ? "warning"
      : level >= 20
      ? "info"
      : "debug" as const;
    this.#leave(dropped);
    if (!this.#log.isEnabledFor(name) || !this.#take(message.length)) return;
    this.#log[name]("{text}", {
      workerId: this.#workerId,
      logger,
      text: message,
      ...(callId === 0 ? {} : { callId }),
    });
  }

  /** Tells how much was left out so far. */
  onAlarm(): void {
    const lines = this.#leftOut;
    this.#leftOut = 0;
    this.#log.warn("{lines} lines of {workerId} were left out: it writes too many", {
      lines,
      workerId: this.#workerId,
    });
  }

  /** It writes no more. */
  close(): void {
    this.#alarms.clear(this);
    if (this.#leftOut > 0) this.onAlarm();
  }

  /** False when there is no room for a line of so many characters, which is counted then. */
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
