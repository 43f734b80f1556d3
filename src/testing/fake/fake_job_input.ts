import type { CallJob, Job, JobChoice } from "../../client/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { travelled } from "./travel.ts";

/** The fields of a job, to find misspelled ones. */
export const JOB_FIELDS = [
  "id",
  "kind",
  "tool",
  "args",
  "pool",
  "sessionId",
  "affinity",
  "queue",
  "priority",
  "delayMs",
  "runAt",
  "maxAttempts",
  "retry",
  "timeoutMs",
  "stallTimeoutMs",
  "ttlMs",
  "idempotencyKey",
  "unique",
  "concurrency",
  "rateLimit",
  "tags",
  "metadata",
  "retention",
] as const satisfies readonly (keyof CallJob)[];

const CHOICE_FIELDS = [
  "state",
  "queue",
  "kind",
  "tool",
  "tag",
  "q",
  "createdFrom",
  "createdBefore",
] as const satisfies readonly (keyof JobChoice)[];

/**
 * Returns a submission with its arguments as a tool gets them.
 *
 * @throws {InvalidInputError} Naming fields and queues that do not exist.
 * @throws {SnakedenError} `invalid_value` for an argument that cannot be sent.
 */
export function checkedJob(input: unknown, queues: readonly string[]): CallJob {
  if (!isRecord(input)) {
    throw invalid("submit the job", [{ path: "", message: "allowed: an object" }]);
  }
  const { tool, args, queue } = input;
  const issues = unknownFields(input, JOB_FIELDS);
  if (typeof tool !== "string") {
    issues.push({ path: "tool", message: "missing; allowed: the name of a tool" });
  }
  if (args !== undefined && !isRecord(args)) {
    issues.push({ path: "args", message: "allowed: an object of arguments by name" });
  }
  if (typeof queue === "string" && !queues.includes(queue)) {
    const message = `there is no queue ${JSON.stringify(queue)}; ${suggestion(queue, queues)}`;
    issues.push({ path: "queue", message });
  }
  if (issues.length > 0) throw invalid("submit the job", issues);
  const copies = args === undefined ? {} : { args: travelled(args, "args") as CallJob["args"] };
  return { ...input, ...copies } as unknown as CallJob;
}

/** @throws {InvalidInputError} Naming fields that do not exist; for no field, unless `isWhole`. */
export function checkedChoice(
  choice: JobChoice,
  { isWhole }: { readonly isWhole: boolean },
): JobChoice {
  const issues = unknownFields(choice, CHOICE_FIELDS);
  const isEmpty = Object.values(choice).every((it) => it === undefined);
  if (isEmpty && !isWhole && issues.length === 0) {
    const message = `given no field; allowed: at least one of ${CHOICE_FIELDS.join(", ")}`;
    issues.push({ path: "", message });
  }
  if (issues.length > 0) throw invalid("choose jobs", issues);
  return choice;
}

/** Returns true for a job of a choice. */
export function matches(job: Job, choice: JobChoice): boolean {
  const { state, queue, kind, tool, tag, q, createdFrom, createdBefore } = choice;
  const created = new Date(job.createdAt).getTime();
  return isOneOf(job.state, state) && isOneOf(job.queue, queue) && isOneOf(job.kind, kind) &&
    isOneOf(job.tool ?? "", tool) && (listOf(tag) ?? []).every((it) => job.tags.includes(it)) &&
    (createdFrom === undefined || created >= new Date(createdFrom).getTime()) &&
    (createdBefore === undefined || created < new Date(createdBefore).getTime()) &&
    (q ?? "").split(/\s+/).every((it) => hasWord(job, it));
}

/** Returns true for a job that matches a word of a search, as a host would find it. */
function hasWord({ id, tool = "", tags, error }: Job, word: string): boolean {
  const lower = word.toLowerCase();
  const { python } = error?.details ?? {};
  const type = isRecord(python) ? python.type : "";
  const text = error === undefined ? "" : `${error.code} ${type} ${error.message}`.toLowerCase();
  const words = text.split(/[^\p{L}\p{N}_]+/u).flatMap((it) => [it, ...it.split("_")]);
  return id.startsWith(word) || tool.toLowerCase().includes(lower) ||
    tags.some((it) => it.startsWith(word)) || words.some((it) => it.startsWith(lower));
}

function isOneOf(value: string, allowed: string | readonly string[] | undefined): boolean {
  return listOf(allowed)?.includes(value) ?? true;
}

function listOf(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === "string" ? [given] : given;
}

function unknownFields(given: object, known: readonly string[]): FieldIssue[] {
  return Object.keys(given).filter((it) => !known.includes(it))
    .map((path) => ({ path, message: `there is no such field; ${suggestion(path, known)}` }));
}

function invalid(action: string, issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot ${action}: ${list.join("; ")}`, issues);
}
