/** The most bytes of one {@link RunLines} and of one {@link LogPart}. */
export const MAX_LOG_PART_BYTES = 256 * 1024;

/**
 * Lines of one run, to add to the log of its job. `body` has one line of JSON for each, a
 * {@link StoredLine}, with a line feed behind it. The lines of a run are counted from 1; `first` is
 * the number of the first one. `leftOut` lines follow those of the body, and are only counted.
 *
 * A part that was written before, such as one whose answer was lost, has no effect.
 */
export interface RunLines {
  readonly first: number;
  readonly lines: number;
  readonly leftOut?: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * A line as it is stored. `host` is the source of what Snakeden says about the job; `log` that of
 * entries of Python's logging, which alone have a `logger`.
 */
export interface StoredLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly source: "stdout" | "stderr" | "log" | "host";
  readonly level?: string;
  readonly logger?: string;
  readonly text: string;
}

/**
 * Lines of the log of a job, all of one run. `first` is the number of the first one; the lines of a
 * log are counted from 1, over all runs.
 */
export interface LogPart {
  readonly first: number;
  readonly lines: number;
  readonly run: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * An item of {@link JobLogs.logs}: lines, or `reset` if the log has no line with the number
 * `after`, so that it begins again with its first one.
 */
export type LogPartOrReset =
  | { readonly kind: "lines"; readonly part: LogPart }
  | { readonly kind: "reset" };

/**
 * The logs of jobs. {@link Hold.logs} and {@link End.logs} add to them: a claim that was lost
 * writes nothing, and the lines of a retry follow those of the runs before it. A log is removed
 * with its job.
 *
 * The first {@link JobStoreLimits.maxLogBytes} of a log are kept, in whole lines. Behind them, one
 * line says how many were left out; its number stays, and its text is that of the last write. With
 * 0 bytes no log is kept.
 */
export interface JobLogs {
  /**
   * Yields the lines of a job behind the line `after` (0 for all), in parts of at most
   * {@link MAX_LOG_PART_BYTES}. With `follow`, it waits for further ones until the job has ended
   * and its last line was yielded; if `signal` aborts, it throws the reason. Also ends if the job
   * does not exist, or is removed.
   */
  logs(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly follow: boolean },
  ): AsyncIterable<LogPartOrReset>;
  /** Returns the number of the last line of a job; 0 if it has none. */
  lastLine(id: string): Promise<number>;
}

/** The length of a log, and what is needed to add to it. */
export interface LogEnd {
  /** The lines that are kept; the line that tells of those that were left out is not counted. */
  readonly lines: number;
  readonly bytes: number;
  /** The last run that has written. */
  readonly run: number;
  /** The lines of that run, also those that were left out. */
  readonly runLines: number;
  /** The lines of all runs that were left out. */
  readonly leftOut: number;
}

/** The length of a log without a line. */
export const EMPTY_LOG: LogEnd = { lines: 0, bytes: 0, run: 0, runLines: 0, leftOut: 0 };

/** A change of a log: parts to add, and the line that replaces the one about what was left out. */
export interface LogChange {
  readonly parts: readonly LogPart[];
  readonly notice?: LogPart;
  readonly end: LogEnd;
}

/** Returns the change that adds the lines of a run to a log. */
export function addedToLog(
  end: LogEnd,
  given: readonly RunLines[],
  { run, now, maxBytes }: { readonly run: number; readonly now: number; readonly maxBytes: number },
): LogChange {
  if (maxBytes === 0) return { parts: [], end };
  let { lines, bytes, leftOut } = end;
  let runLines = end.run === run ? end.runLines : 0;
  const parts: LogPart[] = [];
  for (const it of given) {
    const last = it.first + it.lines + (it.leftOut ?? 0) - 1;
    if (last <= runLines) continue;
    runLines = last;
    // Once a line was left out, those behind it are too, even if they are shorter.
    const room = leftOut > 0 ? 0 : maxBytes - bytes;
    const kept = it.body.byteLength <= room ? it : firstLines(it, room);
    if (kept.lines > 0) parts.push({ first: lines + 1, lines: kept.lines, run, body: kept.body });
    lines += kept.lines;
    bytes += kept.body.byteLength;
    leftOut += it.lines - kept.lines + (it.leftOut ?? 0);
  }
  const next = { lines, bytes, run, runLines, leftOut };
  if (leftOut === end.leftOut) return { parts, end: next };
  return { parts, notice: noticeOf(next, { now, maxBytes }), end: next };
}

/** Returns the number of the last line of a log. */
export function lastLineOf({ lines, leftOut }: LogEnd): number {
  return leftOut > 0 ? lines + 1 : lines;
}

/** Returns the lines of a part behind the line `after`; undefined if there are none. */
export function linesBehind(part: LogPart, after: number): LogPart | undefined {
  const skipped = after - part.first + 1;
  if (skipped <= 0) return part;
  if (skipped >= part.lines) return undefined;
  const start = endOfLines(part.body, skipped);
  return { ...part, first: after + 1, lines: part.lines - skipped, body: part.body.slice(start) };
}

/** Returns the first lines that have room. */
function firstLines({ lines, body }: RunLines, room: number): Pick<RunLines, "lines" | "body"> {
  let count = 0;
  let end = 0;
  while (count < lines) {
    const next = body.indexOf(LINE_FEED, end) + 1;
    if (next === 0 || next > room) break;
    end = next;
    count++;
  }
  return { lines: count, body: body.subarray(0, end) };
}

const LINE_FEED = 0x0a;

function endOfLines(body: Uint8Array, count: number): number {
  let end = 0;
  for (let i = 0; i < count; i++) end = body.indexOf(LINE_FEED, end) + 1;
  return end;
}

function noticeOf(
  { lines, run, leftOut }: LogEnd,
  { now, maxBytes }: { readonly now: number; readonly maxBytes: number },
): LogPart {
  const line: StoredLine = {
    at: now,
    source: "host",
    level: "warning",
    text: `${leftOut} further ${leftOut === 1 ? "line was" : "lines were"} left out: the log of ` +
      `a job keeps ${maxBytes} bytes (jobs.maxLogBytes)`,
  };
  const body = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  return { first: lines + 1, lines: 1, run, body };
}
