import { type Job, valueToJson } from "../../client/mod.ts";
import { type Context, writeDocument, writeJsonLine } from "../command/mod.ts";
import {
  ageText,
  type Cell,
  type Column,
  durationText,
  relativeTime,
  type Style,
} from "../terminal/mod.ts";
import { safeLine, Table } from "../terminal/mod.ts";

const COLUMNS: readonly Column[] = [
  { name: "ID" },
  { name: "STATE", minWidth: 10, leaves: 7 },
  { name: "TOOL", minWidth: 8, leaves: 6 },
  { name: "QUEUE", minWidth: 8, leaves: 1 },
  { name: "TRIES", align: "right", leaves: 2 },
  { name: "AGE", align: "right", leaves: 4 },
  { name: "TOOK", align: "right", minWidth: 9, leaves: 3 },
  { name: "DETAIL", minWidth: 16, leaves: 5 },
];

const STYLES: Readonly<Record<Job["state"], Style>> = {
  available: "bold",
  scheduled: "dim",
  running: "cyan",
  retryable: "yellow",
  completed: "green",
  cancelled: "dim",
  discarded: "red",
};

/** Returns the style of a state. */
export function stateStyle(state: Job["state"]): Style {
  // A later version may have others.
  return STYLES[state] ?? "bold";
}

/** Makes the table of jobs. */
export function jobTable({ output: { paint, width } }: Context): Table {
  return new Table(COLUMNS, { paint, width });
}

/** Returns the row of a job. */
export function jobRow(job: Job, now: number): Cell[] {
  return [
    safeLine(job.id),
    {
      text: safeLine(job.cancelling === true ? "cancelling" : job.state),
      style: stateStyle(job.state),
    },
    safeLine(job.tool ?? job.script ?? job.command ?? job.kind),
    safeLine(job.queue),
    `${job.attempt}/${job.maxAttempts}`,
    ageText(job.createdAt, now),
    tookText(job, now),
    safeLine(detailOf(job, now)),
  ];
}

/** Returns the time of the last run, so far. */
export function tookText({ state, startedAt, finishedAt }: Job, now: number): string {
  if (startedAt === undefined) return "";
  const end = finishedAt === undefined ? state === "running" ? now : NaN : Date.parse(finishedAt);
  return durationText(end - Date.parse(startedAt));
}

/** Returns what is worth knowing of a job beside its state. */
function detailOf(job: Job, now: number): string {
  const { error, cancelReason, runAt, tags } = job;
  const parts = [
    ...(runAt === undefined ? [] : [`starts ${relativeTime(runAt, now)}`]),
    ...(cancelReason === undefined || cancelReason === "" ? [] : [cancelReason]),
    ...(error === undefined ? [] : [`${error.code}: ${error.message}`]),
    ...(tags.length === 0 ? [] : [tags.map((it) => `#${it}`).join(" ")]),
  ];
  return parts.join("; ");
}

/** Returns a job as the server sends it. */
export function jobJson(job: Job): unknown {
  return "result" in job ? { ...job, result: valueToJson(job.result) } : job;
}

/**
 * Writes jobs: a table, their ids, or JSON; that of one job is a document, that of several are
 * lines.
 */
export async function writeJobs(jobs: readonly Job[], context: Context): Promise<void> {
  const { output, io, isJson, isQuiet } = context;
  const [first] = jobs;
  if (first === undefined) return;
  if (isQuiet) return await output.lines(jobs.map(({ id }) => safeLine(id)));
  if (!isJson) {
    const now = io.now();
    return await output.lines(jobTable(context).lines(jobs.map((it) => jobRow(it, now))));
  }
  if (jobs.length === 1) return await writeDocument(context, jobJson(first));
  for (const job of jobs) await writeJsonLine(context, jobJson(job));
}
