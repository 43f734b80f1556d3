import type { LogLevel, LogRecord } from "@logtape/logtape";

/**
 * The category of the output of workers. Its lines are dropped first when the log cannot keep up.
 */
export const WORKER_CATEGORY = "worker";

/** The template of an entry that is a further line of the one before it, such as a traceback. */
export const CONTINUATION = "{continuation}";

/**
 * The forms of an entry: `text` for people who read a server's log, `json` for programs (one object
 * a line), `plain` for a person at a terminal.
 */
export const LOG_FORMATS = ["text", "json", "plain"] as const;
/** A form of log entries. */
export type LogFormat = typeof LOG_FORMATS[number];

/** One entry of the log, as {@link LoggingOptions.onEntry} receives it. */
export interface LogEntry {
  /** The time at which the entry was logged. */
  readonly time: Date;
  /** The severity of the entry. */
  readonly level: LogLevel;
  /** The part of Snakeden that logged the entry, such as `pool`; `worker` for output of workers. */
  readonly category: string;
  /** The text, with its values filled in. */
  readonly message: string;
  /** All values, including those in the text. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * Returns the function that turns a record into a line, with its end.
 *
 * @param options.colours True to colour the heads of `plain` lines.
 */
export function lineFormat(
  format: LogFormat,
  { colours = false }: { readonly colours?: boolean } = {},
): (record: LogRecord) => string {
  return format === "plain" && colours ? colouredLine : LINES[format];
}

/** Turns a record into an entry for a logger of the program. */
export function entryOf(record: LogRecord): LogEntry {
  return {
    time: new Date(record.timestamp),
    level: record.level,
    category: categoryOf(record),
    message: messageOf(record),
    properties: record.properties,
  };
}

/** Returns a record of our own with a finished text. */
export function recordOf(
  category: string,
  text: string,
  properties: Record<string, unknown> = {},
): LogRecord {
  return {
    category: ["snakeden", category],
    level: "warning",
    message: [text],
    rawMessage: text,
    timestamp: Date.now(),
    properties,
  };
}

const LINES: Readonly<Record<LogFormat, (record: LogRecord) => string>> = {
  text: textLine,
  json: jsonLine,
  plain: plainLine,
};

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
  return `${head}${escapeControls(messageOf(record))}${fieldsText(record)}\n`;
}

/**
 * `default-1 | text` for what a worker prints, `default-1 | WARNING logger: text` for an entry of
 * Python's logging, and `snakeden: warning: text` for the host. A text of several lines, such as a
 * traceback, stays so: each line after the first begins so that it cannot pass for another entry.
 */
function plainLine(record: LogRecord): string {
  return plainLineIn(record, (head) => head);
}

function colouredLine(record: LogRecord): string {
  const colour = COLOURS[record.level];
  return plainLineIn(record, (head) => `\u001b[${colour}m${head}\u001b[0m`);
}

/** The codes of a terminal: grey, bold, yellow and red. */
const COLOURS: Readonly<Record<LogLevel, number>> = {
  trace: 90,
  debug: 90,
  info: 1,
  warning: 33,
  error: 31,
  fatal: 31,
};

/** Properties of a request that help to search a log, and not a person at a terminal. */
const NOT_PLAIN: ReadonlySet<string> = new Set(["durationMs", "pool", "remote", "requestId"]);

function plainLineIn(record: LogRecord, paint: (head: string) => string): string {
  const { level, properties: { workerId, logger, line } } = record;
  const message = messageOf(record);
  const category = categoryOf(record);
  if (category === WORKER_CATEGORY && (line !== undefined || logger !== undefined)) {
    const head = logger === undefined ? "" : `${level.toUpperCase()} ${logger}: `;
    const start = paint(`${workerId} |`);
    return linesOf(head + asShown(message), `${start} `, `${start} `);
  }
  if (record.rawMessage === CONTINUATION) return linesOf(message, "  ", "  ");
  const head = level === "info" ? "" : ` ${level}:`;
  const fields = fieldsText(record, category === "http" ? NOT_PLAIN : undefined);
  return linesOf(message + fields, `${paint(`snakeden:${head}`)} `, "  ");
}

function linesOf(text: string, first: string, next: string): string {
  const lines = text.trimEnd().split("\n").map(escapeControls);
  return `${first}${lines.join(`\n${next}`)}\n`;
}

// deno-lint-ignore no-control-regex
const TERMINAL_SEQUENCE = /\u001b\[[\d;?]*[A-Za-z]/g;

/** The text that a terminal would show: without colours, and without what a `\r` overwrites. */
function asShown(text: string): string {
  return text.replace(TERMINAL_SEQUENCE, "").replace(/\r+$/gm, "").replace(/^[^\n]*\r/gm, "");
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
 * Returns the message with its values filled in: texts are at even places, values at odd ones.
 */
function messageOf(record: LogRecord): string {
  return record.message.map((part, i) => i % 2 === 0 ? String(part) : valueText(part)).join("");
}

/** Shows the properties that the message does not show already. */
function fieldsText(record: LogRecord, leftOut?: ReadonlySet<string>): string {
  const template = typeof record.rawMessage === "string" ? record.rawMessage : "";
  return Object.entries(record.properties)
    .filter(([key, value]) =>
      value !== undefined && !template.includes(`{${key}}`) && leftOut?.has(key) !== true
    )
    .map(([key, value]) => ` ${key}=${fieldText(value)}`)
    .join("");
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

/** Keeps an entry on one line, and control characters out of the reader's terminal. */
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
