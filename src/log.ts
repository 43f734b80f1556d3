/**
 * The log. A library is silent until its program asks for entries, by {@link configureLogging} or a
 * configuration of LogTape of its own. Every part logs under a category, such as `pool` or `http`,
 * through {@link getLogger}.
 */
import {
  configureSync,
  getConfig,
  getLogger as getLogTapeLogger,
  getLoggers,
  inspectLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
  type Sink,
} from "@logtape/logtape";
import { InvalidInputError } from "./errors.ts";
import {
  entryOf,
  lineFormat,
  type LogEntry,
  type LogFormat,
  recordOf,
  WORKER_CATEGORY,
} from "./log_format.ts";
import { type LogStream, LogWriter, writeWhole } from "./log_writer.ts";

export {
  CONTINUATION,
  LOG_FORMATS,
  type LogEntry,
  type LogFormat,
  WORKER_CATEGORY,
} from "./log_format.ts";
export { type LogStream, writeWhole } from "./log_writer.ts";
export type { Logger } from "@logtape/logtape";

/** The levels of the log, most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
/** A level of the log. */
export type Level = typeof LOG_LEVELS[number];

/** Options of {@link configureLogging}. */
export interface LoggingOptions {
  /** Lowest level that is written. Default `info`. */
  readonly level?: Level;
  /**
   * Levels of single categories, in place of `level`: `{ worker: "warning" }` leaves out what tools
   * print.
   */
  readonly levels?: Readonly<Record<string, Level>>;
  /** Default `text`. */
  readonly format?: LogFormat;
  /** Default standard error. */
  readonly stream?: LogStream;
  /** Receives the entries, in place of `stream` and `format`. */
  readonly onEntry?: (entry: LogEntry) => void;
}

/** Returns the logger of one part, such as `getLogger("pool")`. */
export function getLogger(category: string): Logger {
  return getLogTapeLogger(["snakeden", category]);
}

/** The control of a log that writes in the background. */
export interface LogHandle {
  /** Resolves to true when everything logged so far is written, or to false after `boundMs`. */
  flush(boundMs: number): Promise<boolean>;
}

/**
 * Writes the log of this process to a stream, one line an entry. The last call counts. Lines are
 * gathered and written in the background, so neither a flood of entries nor a stream that nobody
 * reads delays the program; what still waits is written when the process ends. A closed stream is
 * no error: its entries are dropped.
 *
 * @example
 * ```ts
 * import { configureLogging } from "snakeden";
 *
 * configureLogging({ level: "warning" });
 * ```
 *
 * @throws {InvalidInputError} `config_invalid` when the program has configured LogTape itself.
 */
export function configureLogging(options: LoggingOptions = {}): LogHandle {
  if (owner() === "foreign") throw notOurs();
  return install(options, "program");
}

/**
 * The log for a person who watches a program: what its workers print, the build of the Python
 * environment, reloads, and every warning.
 */
export const WATCHED: LoggingOptions = {
  level: "warning",
  levels: { [WORKER_CATEGORY]: "info", python: "info", reload: "info" },
  format: "plain",
};

/**
 * Configures the log for a host or a script, unless the program has configured it. An earlier
 * configuration by a host or a script is replaced only if `named`, that is, if the program or the
 * environment names a level. A host never replaces the configuration of a script.
 *
 * @returns The control of the log; undefined if the log is left unchanged.
 */
export function configureLoggingFor(
  by: "host" | "script",
  options: LoggingOptions,
  { named }: { readonly named: boolean },
): LogHandle | undefined {
  const now = owner();
  const replaces = now === undefined || (named && (now === by || now === "host"));
  return replaces ? install(options, by) : undefined;
}

/** The callers of ours that configure the log. */
const OWNERS = ["program", "script", "host"] as const;
type Owner = typeof OWNERS[number];

/** Returns true if the log was configured, by whomever. */
export function isLoggingConfigured(): boolean {
  return owner() !== undefined;
}

/** Returns who has configured the log; `foreign` when the program has configured LogTape itself. */
function owner(): Owner | "foreign" | undefined {
  const { sinks = {} } = getConfig() ?? {};
  const ours = OWNERS.find((it) => SINKS[it] in sinks);
  if (ours !== undefined) return ours;
  // Other copies of LogTape share the loggers with this one, and those before 2.4 share only them.
  const isConfigured = inspectLogger("snakeden").source !== "unconfigured" ||
    getLoggers().some((it) => "sinks" in it && Array.isArray(it.sinks) && it.sinks.length > 0);
  return isConfigured ? "foreign" : undefined;
}

/**
 * Returns false if no one receives entries of a level. Always returns true for a logger of LogTape
 * before 2.0, which a program may have loaded, because such a logger cannot tell.
 */
export function isEnabled(logger: Logger, level: LogLevel): boolean {
  return typeof logger.isEnabledFor !== "function" || logger.isEnabledFor(level);
}

/**
 * Logs a warning about how the program was started. While nobody has configured the log, it goes to
 * standard error: whoever could configure the log must first learn what is missing.
 */
export function warnVisibly(category: string, text: string): void {
  if (isLoggingConfigured()) getLogger(category).warn("{text}", { text });
  else writeWhole(Deno.stderr, lineFormat("plain")(recordOf(category, text)));
}

/** The names of our sinks, by which LogTape's configuration shows that it is ours. */
const SINKS: Readonly<Record<Owner, string>> = {
  program: "snakeden",
  script: "snakeden script",
  host: "snakeden host",
};

function install(options: LoggingOptions, by: Owner): LogHandle {
  const { format = "text", stream = Deno.stderr, onEntry } = options;
  if (onEntry !== undefined) {
    installSink((record) => onEntry(entryOf(record)), options, by);
    return { flush: () => Promise.resolve(true) };
  }
  const isTerminal = stream === Deno.stderr && Deno.stderr.isTerminal();
  const toLine = lineFormat(format, { colours: isTerminal && !Deno.noColor });
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
  installSink(sink, options, by);
  const { signal } = replaced;
  for (const end of ENDS) globalThis.addEventListener(end, () => writer.finish(), { signal });
  return writer;
}

function installSink(
  sink: Sink,
  { level = "info", levels = {} }: LoggingOptions,
  by: Owner,
): void {
  const name = SINKS[by];
  const sinks = [name];
  configureSync({
    reset: true,
    sinks: { [name]: sink },
    loggers: [
      { category: "snakeden", sinks, lowestLevel: level },
      ...Object.entries(levels).map(([category, lowestLevel]) => ({
        category: ["snakeden", category],
        sinks,
        // The level of the parent would hold for its sinks.
        parentSinks: "override" as const,
        lowestLevel,
      })),
      { category: ["logtape", "meta"], sinks, lowestLevel: "error" },
    ],
  });
}

function notOurs(): InvalidInputError {
  const message = "this program has configured LogTape itself; add a logger for the category " +
    '"snakeden" to that configuration instead';
  return new InvalidInputError(
    `Cannot configure the log: ${message}`,
    [{ path: "", message }],
    "config_invalid",
  );
}

/** The ends of a process without a flush: `Deno.exit()`, and an error that nobody catches. */
const ENDS = ["unload", "error", "unhandledrejection"] as const;

function isUrgent(level: LogLevel): boolean {
  return level === "warning" || level === "error" || level === "fatal";
}

function droppedRecord(dropped: number): LogRecord {
  return recordOf("log", "lines were dropped: the log is not read as fast as it is written", {
    dropped,
  });
}
