import { addedToLog, EMPTY_LOG, type LogPart, type RunLines } from "../../store/jobs/job_logs.ts";
import { byteParts, type PackedLines } from "../messages/mod.ts";
import type { JobFacts } from "./job_moves.ts";
import type { WriteContext } from "./write_context.ts";

/** The numbers of one part in {@link PackedLines}. */
const CELLS = 4;

/** Returns the lines of a message, by the index of the claim that they belong to. */
export function linesOf({ cells, bytes }: PackedLines): Map<number, RunLines[]> {
  const found = new Map<number, RunLines[]>();
  for (const [i, body] of byteParts(bytes).entries()) {
    const [index = 0, first = 1, lines = 0, leftOut = 0] = cells.slice(i * CELLS, (i + 1) * CELLS);
    const parts = found.get(index) ?? [];
    found.set(index, parts);
    parts.push({ first, lines, leftOut, body });
  }
  return found;
}

interface Row {
  readonly lines: number;
  readonly bytes: number;
  readonly run: number;
  readonly run_lines: number;
  readonly left_out: number;
}

/** Adds the lines of a run to the log of its job. */
export function addToLog(
  ctx: WriteContext,
  job: Pick<JobFacts, "seq" | "run">,
  given: readonly RunLines[],
): void {
  const { statements, limits, now } = ctx;
  const row = statements.get<Row>(
    "select lines, bytes, run, run_lines, left_out from job_log where job = ?",
    job.seq,
  );
  const before = row === undefined
    ? EMPTY_LOG
    : { ...row, runLines: row.run_lines, leftOut: row.left_out };
  const { run, seq } = job;
  const change = addedToLog(before, given, { run, now, maxBytes: limits.maxLogBytes });
  const { parts, notice, end } = change;
  if (end === before) return;
  for (const part of notice === undefined ? parts : [...parts, notice]) putPart(ctx, seq, part);
  statements.run(
    "insert or replace into job_log (job, lines, bytes, run, run_lines, left_out) " +
      "values (?, ?, ?, ?, ?, ?)",
    seq,
    end.lines,
    end.bytes,
    end.run,
    end.runLines,
    end.leftOut,
  );
  ctx.isChanged = true;
}

/** Writes a part, or replaces the line about what was left out. */
function putPart({ statements }: WriteContext, job: number, part: LogPart): void {
  statements.run(
    "insert or replace into job_log_part (job, first, lines, run, body) values (?, ?, ?, ?, ?)",
    job,
    part.first,
    part.lines,
    part.run,
    part.body,
  );
}
