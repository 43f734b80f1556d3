import { shownValue } from "../config/mod.ts";
import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import {
  isSearch,
  JOB_LIMITS,
  JOB_STATES,
  type JobFilter,
  type JobState,
  MAX_SEARCH_CHARS,
} from "../store/mod.ts";
import type { JobChoice, JobListOptions } from "./job.ts";

const FIELDS = [
  "state",
  "queue",
  "kind",
  "tool",
  "tag",
  "q",
  "createdFrom",
  "createdBefore",
] as const satisfies readonly (keyof JobChoice)[];

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const MAX_REASON_CHARS = 1_000;
/** The most values of one field. */
const MAX_VALUES = 64;

/**
 * Checks a choice of jobs.
 *
 * @param isWhole True if an empty choice may stand for all jobs.
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkedChoice(
  choice: JobChoice,
  { isWhole = true }: { readonly isWhole?: boolean } = {},
): JobFilter {
  const issues: FieldIssue[] = Object.keys(choice)
    .filter((key) => !FIELDS.some((it) => it === key))
    .map((path) => ({ path, message: `there is no such field; ${suggestion(path, FIELDS)}` }));
  const texts = (path: "queue" | "kind" | "tool" | "tag"): string[] | undefined =>
    checkedTexts(choice[path], path, issues);
  const filter: JobFilter = {
    states: checkedStates(choice.state, issues),
    queues: texts("queue"),
    kinds: texts("kind"),
    names: texts("tool"),
    tags: texts("tag"),
    text: checkedSearch(choice.q, issues),
    createdFrom: checkedTime(choice.createdFrom, "createdFrom", issues),
    createdBefore: checkedTime(choice.createdBefore, "createdBefore", issues),
  };
  const isEmpty = Object.values(filter).every((it) => it === undefined);
  if (issues.length === 0 && isEmpty && !isWhole) {
    const message = `given no field; allowed: at least one of ${FIELDS.join(", ")}`;
    issues.push({ path: "", message });
  }
  if (issues.length > 0) throw invalidChoice(issues);
  return filter;
}

function checkedStates(
  given: JobChoice["state"],
  issues: FieldIssue[],
): readonly JobState[] | undefined {
  const states = checkedTexts(given, "state", issues);
  for (const state of states ?? []) {
    if (JOB_STATES.some((it) => it === state)) continue;
    const message = `given ${shownValue(state)}; allowed: ${JOB_STATES.join(", ")}`;
    issues.push({ path: "state", message });
  }
  return states as JobState[] | undefined;
}

function checkedTexts(
  given: unknown,
  path: string,
  issues: FieldIssue[],
): string[] | undefined {
  if (given === undefined) return undefined;
  const values = Array.isArray(given) ? given : [given];
  const isGood = values.length <= MAX_VALUES &&
    values.every((it) =>
      typeof it === "string" && it.length > 0 && it.length <= JOB_LIMITS.nameChars
    );
  if (isGood) return values;
  const allowed =
    `a text of 1 to ${JOB_LIMITS.nameChars} characters, or a list of at most ${MAX_VALUES}`;
  issues.push({ path, message: `given ${shownValue(given)}; allowed: ${allowed}` });
  return undefined;
}

function checkedSearch(given: unknown, issues: FieldIssue[]): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "string" && isSearch(given)) return given;
  const allowed = `a text of 1 to ${MAX_SEARCH_CHARS} characters, with a word`;
  issues.push({ path: "q", message: `given ${shownValue(given)}; allowed: ${allowed}` });
  return undefined;
}

function checkedTime(given: unknown, path: string, issues: FieldIssue[]): number | undefined {
  if (given === undefined) return undefined;
  const isTime = given instanceof Date ||
    (typeof given === "string" && /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d))?$/.test(given));
  const time = isTime ? new Date(given).getTime() : NaN;
  if (Number.isFinite(time)) return time;
  const message = `given ${shownValue(given)}; allowed: a time in ISO 8601 with an offset, such ` +
    "as 2030-01-31T08:00:00Z";
  issues.push({ path, message });
  return undefined;
}

/**
 * Checks the options of a list.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkedPage(
  options: JobListOptions,
): { readonly after?: string; readonly limit: number } {
  const { cursor, limit = DEFAULT_PAGE } = options;
  const known = ["cursor", "limit"];
  const issues: FieldIssue[] = Object.keys(options).filter((key) => !known.includes(key))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, known)}` }));
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    const allowed = `a whole number from 1 to ${MAX_PAGE}`;
    issues.push({ path: "limit", message: `given ${shownValue(limit)}; allowed: ${allowed}` });
  }
  if (cursor !== undefined && (typeof cursor !== "string" || cursor === "")) {
    const allowed = "the cursor of the page before";
    issues.push({ path: "cursor", message: `given ${shownValue(cursor)}; allowed: ${allowed}` });
  }
  if (issues.length > 0) throw invalidChoice(issues);
  return { limit, ...(cursor === undefined ? {} : { after: cursor }) };
}

/** Throws the error of a list, in which the store names the cursor `after`. */
export function namedCursor(error: unknown): never {
  if (!(error instanceof InvalidInputError)) throw error;
  throw invalidChoice(
    error.issues.map((it) => it.path === "after" ? { ...it, path: "cursor" } : it),
  );
}

/** @throws {InvalidInputError} For a reason that is no text, or too long. */
export function checkReason(reason: unknown): string | undefined {
  if (reason === undefined) return undefined;
  if (typeof reason === "string" && reason.length <= MAX_REASON_CHARS && reason.isWellFormed()) {
    return reason;
  }
  const allowed = `a text of at most ${MAX_REASON_CHARS} characters`;
  const message = `given ${shownValue(reason)}; allowed: ${allowed}`;
  throw new InvalidInputError(`Cannot cancel jobs: reason: ${message}`, [
    { path: "reason", message },
  ]);
}

function invalidChoice(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot choose jobs: ${list.join("; ")}`, issues);
}
