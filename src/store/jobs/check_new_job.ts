import { Buffer } from "node:buffer";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import { MAX_TTL_MS } from "../session_row.ts";
import type { NewJob } from "./new_job.ts";

/** The limits of every store on a job. A host may have lower ones. */
export const JOB_LIMITS = {
  /** Jobs of one submission. */
  jobs: 100_000,
  /** Characters of a name: of a kind, a queue, a pool, a tool, a tag. */
  nameChars: 256,
  /** Characters of a key. */
  keyChars: 512,
  tags: 32,
  /** Files that one job names. */
  files: 10_000,
  /** Bytes of metadata and of options, as JSON. */
  jsonBytes: 64 * 1024,
  /** Bytes of arguments, and of a result. */
  bodyBytes: 256 * 1024 * 1024,
  attempts: 1_000,
  priority: 10,
  /** The most that a limit of a key can allow. */
  limit: 1_000_000,
} as const;

/** The latest time that a date can have: in the year 275,760. */
const MAX_TIME = 8_640_000_000_000_000;

/**
 * Refuses jobs that no store can keep. Every driver calls it first.
 *
 * @throws {InvalidInputError} Naming each field that is not allowed, as `jobs[3].tags`.
 */
export function checkNewJobs(jobs: readonly NewJob[]): void {
  const issues: FieldIssue[] = [];
  if (jobs.length > JOB_LIMITS.jobs) {
    const message = `given ${jobs.length} jobs; allowed: at most ${JOB_LIMITS.jobs}`;
    issues.push({ path: "jobs", message });
  }
  const ids = new Set<string>();
  for (const [i, job] of jobs.entries()) {
    const problems = problemsOf(job);
    // The second one of two with a hash is answered with the first.
    if (ids.has(job.id) && job.idHash === undefined) {
      problems.push(["id", "given twice; allowed: an id of its own"]);
    }
    ids.add(job.id);
    for (const [field, message] of problems) {
      issues.push({ path: `jobs[${i}].${field}`, message });
    }
  }
  if (issues.length === 0) return;
  const [first] = issues;
  const more = issues.length === 1 ? "" : `, and ${issues.length - 1} more`;
  throw new InvalidInputError(
    `Cannot submit jobs: ${first?.path}: ${first?.message}${more}`,
    issues,
  );
}

type Problem = [field: string, message: string];

function problemsOf(job: NewJob): Problem[] {
  const problems: Problem[] = [];
  const check = (field: string, isGood: boolean, given: unknown, allowed: string): void => {
    if (!isGood) problems.push([field, `given ${shown(given)}; allowed: ${allowed}`]);
  };
  const whole = (field: string, given: number, min: number, max: number): void =>
    check(
      field,
      Number.isSafeInteger(given) && given >= min && given <= max,
      given,
      `a whole number from ${min} to ${max}`,
    );
  const name = (field: string, given: string, max: number = JOB_LIMITS.nameChars): void =>
    check(
      field,
      given.length > 0 && given.length <= max && !given.includes("\0") && given.isWellFormed(),
      given,
      `1 to ${max} characters of Unicode, without NUL`,
    );
  const bytes = (field: string, given: number, max: number): void =>
    check(field, given <= max, `${given} bytes`, `at most ${max} bytes`);

  check("id", isSessionId(job.id), job.id, SESSION_ID_RULE);
  if (job.idHash !== undefined) {
    name("idHash", job.idHash);
    check("idHash", job.idempotency === undefined, job.idHash, "no hash beside idempotency");
  }
  name("kind", job.kind);
  name("name", job.name);
  name("queue", job.queue);
  name("pool", job.pool);
  whole("priority", job.priority, -JOB_LIMITS.priority, JOB_LIMITS.priority);
  whole("maxAttempts", job.maxAttempts, 1, JOB_LIMITS.attempts);
  if (job.start !== undefined) {
    if ("at" in job.start) whole("start.at", job.start.at, 0, MAX_TIME);
    else whole("start.inMs", job.start.inMs, 0, MAX_TTL_MS);
  }
  if (job.ttlMs !== undefined) whole("ttlMs", job.ttlMs, 1, MAX_TTL_MS);
  if (job.idempotency !== undefined) {
    name("idempotency.key", job.idempotency.key, JOB_LIMITS.keyChars);
    name("idempotency.hash", job.idempotency.hash);
    whole("idempotency.ttlMs", job.idempotency.ttlMs, 1, MAX_TTL_MS);
  }
  if (job.unique !== undefined) name("unique.key", job.unique.key, JOB_LIMITS.keyChars);
  if (job.concurrency !== undefined) {
    name("concurrency.key", job.concurrency.key, JOB_LIMITS.keyChars);
    whole("concurrency.limit", job.concurrency.limit, 1, JOB_LIMITS.limit);
  }
  if (job.rate !== undefined) {
    name("rate.key", job.rate.key, JOB_LIMITS.keyChars);
    whole("rate.limit", job.rate.limit, 1, JOB_LIMITS.limit);
    whole("rate.periodMs", job.rate.periodMs, 1, MAX_TTL_MS);
  }
  check("tags", job.tags.length <= JOB_LIMITS.tags, `${job.tags.length} tags`, "at most 32");
  for (const [i, tag] of job.tags.entries()) name(`tags[${i}]`, tag);
  const { files = [] } = job;
  check("files", files.length <= JOB_LIMITS.files, `${files.length} files`, "at most 10000");
  for (const [i, file] of files.entries()) {
    check(`files[${i}]`, isSessionId(file), file, SESSION_ID_RULE);
  }
  for (const field of ["completedMs", "cancelledMs", "discardedMs"] as const) {
    whole(`retention.${field}`, job.retention[field], 0, MAX_TTL_MS);
  }
  bytes("metadata", jsonBytes(job.metadata), JOB_LIMITS.jsonBytes);
  bytes("options", jsonBytes(job.options), JOB_LIMITS.jsonBytes);
  bytes("args", job.args.byteLength, JOB_LIMITS.bodyBytes);
  return problems;
}

function jsonBytes(object: object): number {
  for (const _ in object) return Buffer.byteLength(JSON.stringify(object));
  return 2;
}

/** Returns a value for an error text, cut after 64 characters. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? value : String(value);
  const cut = text.length > 64 ? `${text.slice(0, 64)}... (${text.length} characters)` : text;
  return typeof value === "string" && !/^\d+ (bytes|files|tags)$/.test(value)
    ? JSON.stringify(cut)
    : cut;
}
