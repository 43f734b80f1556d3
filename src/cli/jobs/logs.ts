import type { JobLogsOptions, LogLine } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  GatheredLines,
  OutputClosed,
  UsageError,
} from "../command/mod.ts";
import { safeJson, safeLine } from "../terminal/mod.ts";
import { logText } from "./log_text.ts";

/** The places that a line can come from. */
export const LOG_SOURCES = ["stdout", "stderr", "log", "host"] as const;

/** Options of {@link writeLog}. */
export interface LogFlags {
  /** True to wait for further lines until the job has ended. */
  readonly follow?: boolean;
  /** The number of last lines to begin with. */
  readonly tail?: number;
  /** The sources of the lines; all by default. */
  readonly source?: readonly string[];
}

/**
 * Writes the log of a job. The status says nothing of the job: what has failed has a log, too.
 *
 * @throws {UsageError} If an option cannot be used.
 */
export async function writeLog(
  id: string,
  { flags, context }: { readonly flags: LogFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { output, isJson, isQuiet } = context;
  if (isQuiet) throw new UsageError("--quiet: a log has no ids; allowed: --json");
  const sources = flags.source ?? [];
  const unknown = sources.find((it) => LOG_SOURCES.every((source) => source !== it));
  if (unknown !== undefined) {
    throw new UsageError(`--source: given ${unknown}; allowed: ${LOG_SOURCES.join(", ")}`);
  }
  const failed = new AbortController();
  const lines = new GatheredLines((texts) => output.lines(texts), (it) => failed.abort(it));
  const signal = AbortSignal.any([context.signal, failed.signal]);
  let count = 0;
  try {
    for await (const line of linesOf(id, { flags, context, signal })) {
      count++;
      await lines.add(isJson ? safeJson(line) : logText(line, output.paint));
    }
  } catch (error) {
    // What came before a broken connection, or before Ctrl-C, was asked for.
    if (!(error instanceof OutputClosed)) await lines.flush();
    throw error;
  }
  await lines.flush();
  if (count === 0 && !isJson) {
    const of = sources.length === 0 ? "" : ` of ${sources.join(" or ")}`;
    await output.note(`The log of the job ${safeLine(id)} has no lines${of} to show.`);
  }
  return EXIT.ok;
}

interface LinesOptions {
  readonly flags: LogFlags;
  readonly context: Context;
  readonly signal: AbortSignal;
}

/** Yields the lines that were asked for. */
async function* linesOf(
  id: string,
  { flags, context, signal }: LinesOptions,
): AsyncGenerator<LogLine, void, undefined> {
  const { client: { jobs } } = context;
  const { follow = false, tail, source = [] } = flags;
  const isWanted = (line: LogLine): boolean => source.length === 0 || source.includes(line.source);
  let options: JobLogsOptions = { follow, signal, ...(tail === undefined ? {} : { tail }) };
  if (tail !== undefined && source.length > 0) {
    // The server counts the lines of all sources.
    const last: LogLine[] = [];
    let after = 0;
    for await (const line of jobs.logs(id, { follow: false, signal })) {
      after = line.n;
      if (isWanted(line)) last.push(line);
      if (last.length > 2 * tail) last.splice(0, last.length - tail);
    }
    yield* tail === 0 ? [] : last.slice(-tail);
    if (!follow) return;
    options = { follow, signal, after };
  }
  for await (const line of jobs.logs(id, options)) if (isWanted(line)) yield line;
}
