/**
 * Logging. The library says nothing until a program asks for it with {@link configureLogging};
 * every part logs under its own category, such as `pool` or `http`, through {@link getLogger}.
 */
import {
  configureSync,
  getLogger as getLogTapeLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
  type Sink,
} from "@logtape/logtape";
import { type LogStream, LogWriter } from "./log_writer.ts";

export { type LogStream, writeWhole } from "./log_writer.ts";
export type { Logger } from "@logtape/logtape";

/** Levels that can be asked for, most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = typeof LOG_LEVELS[number];

/** `text` is for people, `json` for programs: one object a line. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** What {@link configureLogging} may be told. */
export interface LoggingOptions {
  /** Lowest level that is written. Default `info`. */
  readonly level?: Level;
  /** Default `text`. */
  readonly format?: LogFormat;
  /** Default standard error. */
  readonly stream?: LogStream;
}

/** The logger of one part, such as `getLogger("pool")`. */
export function getLogger(category: string): Logger {
  return getLogTapeLogger(["snakeden", category]);
}

/**
 * The category of the output of workers. Its lines are dropped first when the log cannot keep up.
 */
export const WORKER_CATEGORY = "worker";

/** The control of a log that writes in the background. */
export interface LogHandle {
  /** Resolves when everything logged so far is written, or after `boundMs`; then to false. */
  flush(boundMs: number): Promise<boolean>;
}

/**
 * Writes the log of this process to a stream, one line an entry. May be called again: the last call
 * counts. Lines are gathered and written in the background, so that neither a flood of entries nor
 * a stream that nobody reads delays the program. Whoever ends the process must flush first. Never
 * throws because of the stream: entries for a closed stream are dropped.
 */
export function configureLogging(options: LoggingOptions = {}): LogHandle {
  const { level = "info", format = "text", stream = Deno.stderr } = options;
  const toLine = format === "json" ? jsonLine : textLine;
  const writer = new LogWriter(stream, (dropped) => toLine(droppedRecord(dropped)));
  const replaced = new AbortController();
  const write = (record: LogRecord): void => {
    const isBulk = record.category[1] === WORKER_CATEGORY && !isUrgent(record.level);
    writer.write(toLine(record), isBulk ? "bulk" : "own");
  };
  const sink: Sink & Disposable = Object.assign(write, {
    // LogTape disposes of its sinks when another configuration takes over.
    [Symbol.dispose]: (): void => {
      writer.finish();
      replaced.abort();
    },
  });
  configureSync({
    reset: true,
    sinks: { stream: sink },
    loggers: [
      { category: "snakeden", sinks: ["stream"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["stream"], lowestLevel: "error" },
    ],
  });
  const { signal } = replaced;
  for (const end of ENDS) globalThis.addEventListener(end, () => writer.finish(), { signal });
  return writer;
}

/** The ends of a process without a flush: `Deno.exit()`, and an error that nobody catches. */
const ENDS = ["unload", "error", "unhandledrejection"] as const;

function isUrgent(level: LogLevel): boolean {
  return level === "warning" || level === "error" || level === "fatal";
}

function droppedRecord(dropped: number): LogRecord {
  const text = "lines were dropped: the log is not read as fast as it is written";
  return {
    category: ["snakeden", "log"],
    level: "warning",
    message: [text],
    rawMessage: text,
    timestamp: Date.now(),
    properties: { dropped },
  };
}

const LEVEL_NAMES: Readonly<Record<LogLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

function textLine(record: LogRecord): string {
  const head = `${timeOf(record)} ${LEVEL_NAMES[record.level]} ${categoryOf(record)}  `;
  const fields = extraFields(record).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  return `${head}${escapeControls(messageOf(record))}${fields.join("")}\n`;
}

function jsonLine(record: LogRecord): string {
  const entry = {
    time: timeOf(record),
    level: record.level,
    category: categoryOf(record),
    message: messageOf(record),
    ...Object.fromEntries(
      Object.entries(record.properties).map(([key, value]) => [fieldKey(key), jsonField(value)]),
    ),
  };
  return `${safeStringify(entry)}\n`;
}

const OWN_KEYS = new Set(["time", "level", "category", "message"]);

/** A property must not hide a field of the entry itself. */
function fieldKey(key: string): string {
  return OWN_KEYS.has(key) ? `${key}_` : key;
}

function timeOf(record: LogRecord): string {
  return new Date(record.timestamp).toISOString();
}

function categoryOf(record: LogRecord): string {
  return record.category.slice(record.category[0] === "snakeden" ? 1 : 0).join(".") || "snakeden";
}

/**
 * The message with its values filled in: the texts stand at even places, the values at odd ones.
 */
function messageOf(record: LogRecord): string {
  return record.message.map((part, i) => i % 2 === 0 ? String(part) : valueText(part)).join("");
}

/** Properties that the message does not show already. */
function extraFields(record: LogRecord): [string, unknown][] {
  const template = typeof record.rawMessage === "string" ? record.rawMessage : "";
  return Object.entries(record.properties)
    .filter(([key, value]) => value !== undefined && !template.includes(`{${key}}`));
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ?? String(value);
  return typeof value === "object" && value !== null ? safeStringify(value) : String(value);
}

function fieldText(value: unknown): string {
  const text = valueText(value);
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : JSON.stringify(text);
}

function jsonField(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { name: value.name, message: value.message, stack: value.stack };
}

/** An entry stays one line, and cannot steer the terminal of whoever reads it. */
function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    if (char === "\t") return char;
    return char === "\n" ? "\\n" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function safeStringify(value: unknown): string {
  try {
    return JSON.stringify(value, (_, it) => typeof it === "bigint" ? String(it) : it) ?? "null";
  } catch (error) {
    return JSON.stringify(`(cannot be shown: ${(error as Error).message})`);
  }
}
