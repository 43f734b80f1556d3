import type { JobRow, Outcome, StoredLine } from "../../store/mod.ts";

/** The longest text of an error in a line of a log. */
const MAX_ERROR_CHARS = 1_000;

/** A line of Snakeden itself about a run. */
type HostLine = Pick<StoredLine, "level" | "text">;

/** Returns the line about the start of a run. */
export function startLine(job: JobRow, worker: string): HostLine {
  // Programs that run as jobs have slots, whose names no worker can have.
  const place = worker.startsWith("@") ? "slot" : "worker";
  return { level: "info", text: `${attemptOf(job)} started in the ${place} ${worker}` };
}

/** Returns the line about the end of a run; undefined if its end needs none. */
export function endLine(
  job: JobRow,
  outcome: Outcome,
  { hasBegun }: { readonly hasBegun: boolean },
): HostLine | undefined {
  // Of most runs, which must not pay for a text.
  if (outcome.type === "completed") return undefined;
  const attempt = attemptOf(job);
  switch (outcome.type) {
    case "cancelled":
      return hasBegun ? { level: "info", text: `${attempt} was cancelled` } : undefined;
    case "returned":
      return hasBegun
        ? { level: "info", text: `${attempt} was given back, since its host stops` }
        : undefined;
    case "failed": {
      const { error: { code, message, details }, retryInMs } = outcome;
      const isLast = retryInMs === null || job.attempt >= job.maxAttempts;
      const next = isLast
        ? "no further one follows"
        : `the next one follows in ${timeOf(retryInMs)}`;
      // The output at the end of some messages is in the log already.
      const text = typeof details?.summary === "string" ? details.summary : message;
      const why = text.length > MAX_ERROR_CHARS ? `${text.slice(0, MAX_ERROR_CHARS)}…` : text;
      return {
        level: isLast ? "error" : "warning",
        text: `${attempt} failed with ${code}, and ${next}: ${why}`,
      };
    }
  }
}

function attemptOf({ attempt, maxAttempts }: JobRow): string {
  return `attempt ${attempt} of ${maxAttempts}`;
}

function timeOf(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
