import { SnakedenError } from "../../../../errors.ts";
import {
  addedToLog,
  EMPTY_LOG,
  lastLineOf,
  linesBehind,
  type LogPart,
  type LogPartOrReset,
  type RunLines,
} from "../../job_logs.ts";
import { isFinal } from "../../job_row.ts";
import type { JobReaders } from "./job_readers.ts";
import type { StoredJob, StoredLog } from "../stored_job.ts";

/** Adds lines of the run of a job to its log. */
export function addToLog(
  job: StoredJob,
  given: readonly RunLines[],
  { now, maxBytes }: { readonly now: number; readonly maxBytes: number },
): void {
  job.log ??= { parts: [], notice: undefined, end: EMPTY_LOG };
  const { log } = job;
  const { parts, notice, end } = addedToLog(log.end, given, { run: job.run, now, maxBytes });
  for (const part of parts) log.parts.push({ ...part, body: part.body.slice() });
  log.notice = notice ?? log.notice;
  log.end = end;
}

/** Yields the lines of a job, as {@link JobLogs.logs} describes. */
export async function* readLog(
  readers: JobReaders,
  id: string,
  { after, signal, follow }: {
    readonly after: number;
    readonly signal: AbortSignal;
    readonly follow: boolean;
  },
): AsyncGenerator<LogPartOrReset> {
  using reader = readers.open(id, signal);
  let last = after;
  while (true) {
    signal.throwIfAborted();
    if (readers.isClosed) throw new SnakedenError("shutting_down", CLOSED);
    const job = reader.job;
    if (job === undefined) return;
    const log = job.log ?? { parts: [], notice: undefined, end: EMPTY_LOG };
    if (last > lastLineOf(log.end)) {
      last = 0;
      yield { kind: "reset" };
      continue;
    }
    const part = nextPart(log, last);
    if (part !== undefined) {
      last = part.first + part.lines - 1;
      yield { kind: "lines", part: { ...part, body: part.body.slice() } };
    } else if (isFinal(job.state) || !follow) return;
    else await reader.news();
  }
}

const CLOSED = "Cannot read the log of a job: the store is closed";

function nextPart({ parts, notice }: StoredLog, after: number): LogPart | undefined {
  let [low, high] = [0, parts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { first = 0, lines = 0 } = parts[middle] ?? {};
    if (first + lines - 1 <= after) low = middle + 1;
    else high = middle;
  }
  const part = parts[low] ?? notice;
  return part && linesBehind(part, after);
}
