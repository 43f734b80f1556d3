import { isRecord } from "../json/mod.ts";
import type { LogEntry } from "../log.ts";

/** The number of lines that errors show. */
const SHOWN_LINES = 20;
/** A longer line is cut: a program that writes no end of line must not fill the memory. */
const MAX_LINE_CHARS = 256 * 1024;
/** The category of lines that are no entries of the log, such as those of Deno itself. */
const OTHER_CATEGORY = "host";
/** The lines of Deno about packages that it fetches at the first start. */
const DOWNLOAD = /^Download /;

/** The functions that receive what a host writes. */
export interface OutputListeners {
  readonly onLog: ((entry: LogEntry) => void) | undefined;
  readonly onSetupProgress: ((line: string) => void) | undefined;
}

/** Reads the lines of a host: entries of its log in JSON, and others. */
export class HostOutput {
  readonly #listeners: OutputListeners;
  readonly #last: string[] = [];

  constructor(listeners: OutputListeners) {
    this.#listeners = listeners;
  }

  /** The last lines as text for an error, with a line end before each; empty if there are none. */
  get lastLines(): string {
    return this.#last.map((it) => `\n${it}`).join("");
  }

  /** Takes a line. */
  take(line: string): void {
    if (line.trim() === "") return;
    const entry = entryOf(line);
    this.#last.push(entry.message);
    if (this.#last.length > SHOWN_LINES) this.#last.shift();
    const { onLog, onSetupProgress } = this.#listeners;
    const { progress } = entry.properties;
    if (entry.category === "python" && typeof progress === "string") onSetupProgress?.(progress);
    else if (entry.category === OTHER_CATEGORY && DOWNLOAD.test(line)) onSetupProgress?.(line);
    onLog?.(entry);
  }
}

const LEVELS: readonly unknown[] = ["trace", "debug", "info", "warning", "error", "fatal"];

function entryOf(line: string): LogEntry {
  const parsed = line.startsWith("{") ? parsedLine(line) : undefined;
  const { time, level, category, message, ...properties } = isRecord(parsed) ? parsed : {};
  if (typeof category === "string" && typeof message === "string" && LEVELS.includes(level)) {
    return {
      time: new Date(String(time)),
      level: level as LogEntry["level"],
      category,
      message,
      properties,
    };
  }
  return {
    time: new Date(),
    level: "info",
    category: OTHER_CATEGORY,
    message: line,
    properties: {},
  };
}

function parsedLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Returns a function that takes pieces of text, and calls `onLine` for each whole line. */
export function lineReader(onLine: (line: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const line of lines) onLine(line);
  };
}
