import type { Job, JobAttempt } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  forEachId,
  type Output,
  writeDocument,
  writeJsonLine,
} from "../command/mod.ts";
import {
  durationText,
  GAP,
  progressFacts,
  progressLine,
  relativeTime,
  safeJson,
  safeLine,
  safeText,
  Table,
  textWidth,
  wrapText,
} from "../terminal/mod.ts";
import { jobJson, stateStyle, tookText } from "./job_rows.ts";

/** The characters of a result that a terminal is shown. */
const SHOWN_CHARS = 2_000;
const LABEL_WIDTH = 11;
const PROGRESS_WIDTH = 60;
/** The least room in which a text is broken into lines; a terminal breaks it anywhere. */
const MIN_TEXT_WIDTH = 20;

/** Writes all that is known of jobs. */
export async function showJobs(ids: readonly string[], context: Context): Promise<ExitStatus> {
  const { client, output, isJson, isQuiet } = context;
  let isFirst = true;
  return await forEachId(ids, context, async (id) => {
    const job = await client.jobs.get(id);
    if (isQuiet) await output.line(safeLine(job.id));
    else if (isJson && ids.length === 1) await writeDocument(context, jobJson(job));
    else if (isJson) await writeJsonLine(context, jobJson(job));
    else await output.lines([...isFirst ? [] : [""], ...jobLines(job, context)]);
    isFirst = false;
    return EXIT.ok;
  });
}

function jobLines(job: Job, { output, io }: Context): string[] {
  const { paint } = output;
  const now = io.now();
  const { error, waitingFor, progress } = job;
  const state = paint(stateStyle(job.state), safeLine(job.state));
  const facts: readonly (readonly [name: string, value: string | undefined])[] = [
    ["state", job.cancelling === true ? `${state}, cancelling` : state],
    ["waits", waitingFor && safeLine(waitingFor.detail)],
    ["kind", safeLine(job.kind)],
    ["tool", job.tool && safeLine(job.tool)],
    ["script", job.script && safeLine(job.script)],
    ["command", job.command && safeLine(job.command)],
    ["pool", job.pool && safeLine(job.pool)],
    ["queue", safeLine(job.queue)],
    ["session", job.sessionId && safeLine(job.sessionId)],
    ["priority", job.priority === 0 ? undefined : String(job.priority)],
    ["tags", job.tags.map(safeLine).join(", ")],
    ["metadata", Object.keys(job.metadata).length === 0 ? "" : safeJson(job.metadata)],
    ["attempts", `${job.attempt} of ${job.maxAttempts}`],
    ["created", timeText(job.createdAt, now)],
    ["starts", timeText(job.runAt, now)],
    ["started", timeText(job.startedAt, now)],
    ["start by", timeText(job.startBy, now)],
    ["finished", timeText(job.finishedAt, now)],
    ["took", tookText(job, now)],
    ["worker", job.worker && safeLine(job.worker)],
    [
      "progress",
      progress === undefined ? "" : progressLine("", progressFacts(progress), PROGRESS_WIDTH),
    ],
    ["reason", job.cancelReason && safeLine(job.cancelReason)],
    ["error", error && safeText(`${error.code}: ${error.message}`)],
    ["result", resultText(job, output.isTerminal)],
  ];
  return [
    `${paint("bold", "job".padEnd(LABEL_WIDTH))}${safeLine(job.id)}`,
    ...facts.flatMap(([name, value]) => value ? factLines(name, value, output) : []),
    ...attemptLines(job.attempts ?? [], { output, now }),
  ];
}

/** Returns a fact, whose further lines are indented. */
function factLines(name: string, value: string, { paint, width }: Output): string[] {
  const [first = "", ...rest] = wrapped(value.trim(), LABEL_WIDTH, width)
    .map((it) => name === "error" ? paint("red", it) : it);
  const label = paint("dim", name.padEnd(LABEL_WIDTH));
  return [label + first, ...rest.map((it) => " ".repeat(LABEL_WIDTH) + it)];
}

/** Breaks a text that begins in a column of a terminal, unless there is too little room. */
function wrapped(text: string, column: number, width = Infinity): string[] {
  const room = width - column;
  return room >= MIN_TEXT_WIDTH && room < Infinity ? wrapText(text, room) : text.split("\n");
}

function timeText(time: string | undefined, now: number): string | undefined {
  return time && `${safeLine(time)} (${relativeTime(time, now)})`;
}

function resultText(job: Job, isTerminal: boolean): string | undefined {
  const { resultUrl, resultBytes } = job;
  if (resultUrl !== undefined) {
    return `${resultBytes} bytes; \`deno task job wait ${safeLine(job.id)}\` writes it`;
  }
  if (!("result" in job)) return undefined;
  const text = safeJson((jobJson(job) as { result: unknown }).result, 2);
  return isTerminal && text.length > SHOWN_CHARS
    ? `${text.slice(0, SHOWN_CHARS)}… (${text.length} characters)`
    : text;
}

function attemptLines(
  attempts: readonly JobAttempt[],
  { output: { paint, width }, now }: { readonly output: Output; readonly now: number },
): string[] {
  if (attempts.length === 0) return [];
  const names = ["TRY", "OUTCOME", "STARTED", "TOOK", "WORKER"];
  const facts = attempts.map((it) => [
    String(it.attempt),
    safeLine(it.outcome),
    relativeTime(it.startedAt, now),
    durationText(it.durationMs),
    safeLine(it.worker ?? ""),
  ]);
  const errorColumn = names
    .map((_, i) => Math.max(...[names, ...facts].map((row) => textWidth(row[i] ?? ""))) + GAP)
    .reduce((sum, it) => sum + it);
  const rows = attempts.flatMap(({ error }, i) => {
    const text = error === undefined ? "" : safeLine(`${error.code}: ${error.message}`);
    return wrapped(text, errorColumn, width).map((line, at) => [
      ...(at === 0 ? facts[i] ?? [] : names.map(() => "")),
      line,
    ]);
  });
  const table = new Table([...names, "ERROR"].map((name) => ({ name })), { paint });
  return ["", ...table.lines(rows)];
}
