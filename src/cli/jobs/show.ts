import type { Job, JobAttempt } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  type Fact,
  factLines,
  forEachId,
  type Output,
  timeText,
  wrapped,
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
} from "../terminal/mod.ts";
import { jobJson, stateStyle, tookText } from "./job_rows.ts";

/** The characters of a result that a terminal is shown. */
const SHOWN_CHARS = 2_000;
const PROGRESS_WIDTH = 60;

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
  const facts: readonly Fact[] = [
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
    ["error", error && safeText(`${error.code}: ${error.message}`), "red"],
    ["result", resultText(job, output.isTerminal)],
  ];
  return [
    ...factLines(["job", safeLine(job.id)], facts, output),
    ...attemptLines(job.attempts ?? [], { output, now }),
  ];
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
