import { InvalidInputError } from "../../errors.ts";
import type { LogPart, LogPartOrReset, StoredLine } from "../../store/mod.ts";

/** A line in the log of a job. */
export interface LogLine {
  /** Its number in the log, from 1. */
  readonly n: number;
  /** The run that has written it: 1 for the first start of the job. */
  readonly run: number;
  /** The time, as an ISO text. */
  readonly at: string;
  /**
   * - `stdout`, `stderr`: printed by the tool, its native code or its child processes.
   * - `log`: an entry of Python's logging.
   * - `host`: said by Snakeden about the job.
   */
  readonly source: "stdout" | "stderr" | "log" | "host";
  /** `debug`, `info`, `warning`, `error` or `critical`; of `log` and `host`. */
  readonly level?: string;
  /** The name of the logger; of `log`. */
  readonly logger?: string;
  readonly text: string;
}

/** Options of the log of a job. */
export interface JobLogsOptions {
  /** The number of the last line that was seen; default 0, for all lines. */
  readonly after?: number;
  /** The number of last lines to begin with, instead of `after`. */
  readonly tail?: number;
  /** False for the lines that are there; by default, it waits for more until the job has ended. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** A part of a log; at first, the place where the last lines begin that were asked for. */
export type LogItem = LogPartOrReset | { readonly kind: "start"; readonly after: number };

/** The part of a store that {@link jobLogParts} needs. */
export interface LogStore {
  lastLine(id: string): Promise<number>;
  logs(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncIterable<LogPartOrReset>;
}

/**
 * Yields the log of a job in parts.
 *
 * @throws {InvalidInputError} For a position that is none.
 */
export async function* jobLogParts(
  id: string,
  { store, options }: { readonly store: LogStore; readonly options: JobLogsOptions },
): AsyncGenerator<LogItem, void, undefined> {
  const { after, tail, follow = true, signal = new AbortController().signal } = options;
  checkPosition("after", after);
  checkPosition("tail", tail);
  const start = tail === undefined ? after ?? 0 : Math.max(0, await store.lastLine(id) - tail);
  if (tail !== undefined) yield { kind: "start", after: start };
  yield* store.logs(id, start, { signal, follow });
}

/** Returns the lines of a part. Copies no rest of an object, since that takes most of the time. */
export function linesOf(part: LogPart): LogLine[] {
  const timeOf = times();
  return textsOf(part).map((json, i): LogLine => {
    const { at, source, level, logger, text } = JSON.parse(json) as StoredLine;
    return {
      n: part.first + i,
      run: part.run,
      at: timeOf(at),
      source,
      ...(level === undefined ? {} : { level }),
      ...(logger === undefined ? {} : { logger }),
      text,
    };
  });
}

/** The start of a line as it is stored, which its time follows. */
const START = '{"at":';

/** Returns the JSON of each line of a part, as a {@link LogLine}. Faster than to parse it. */
export function jsonLinesOf(part: LogPart): string[] {
  const timeOf = times();
  return textsOf(part).map((text, i) => {
    const end = text.indexOf(",");
    const at = timeOf(Number(text.slice(START.length, end)));
    return `{"n":${part.first + i},"run":${part.run},"at":"${at}"${text.slice(end)}`;
  });
}

/** Returns a function for times as ISO texts. Lines that follow each other often share theirs. */
function times(): (at: number) => string {
  let [last, text] = [NaN, ""];
  return (at) => {
    if (at !== last) [last, text] = [at, new Date(at).toISOString()];
    return text;
  };
}

const DECODER = new TextDecoder();

function textsOf({ body }: LogPart): string[] {
  const texts = DECODER.decode(body).split("\n");
  texts.pop();
  return texts;
}

/** @throws {InvalidInputError} Naming the field. */
function checkPosition(path: string, given: number | undefined): void {
  if (given === undefined || (Number.isSafeInteger(given) && given >= 0)) return;
  const message = `given ${String(given)}; allowed: a whole number, at least 0`;
  throw new InvalidInputError(`Cannot read the log: ${path}: ${message}`, [{ path, message }]);
}
