import { shownValue } from "../calls/mod.ts";
import type { SessionsConfig } from "../config/mod.ts";
import type { FieldIssue } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import { isSessionId, SESSION_ID_RULE } from "../session_id.ts";
import type { JsonObject } from "../store/mod.ts";
import { metadataJson } from "./metadata.ts";
import { invalidInput } from "./session_errors.ts";

/** Options of {@link Sessions.open}. They count only if the session does not exist yet. */
export interface OpenOptions {
  /** The time without use after which the session expires; default `sessions.ttlMs`. */
  readonly ttlMs?: number;
  /** Data about the session: an object of JSON. Default: `{}`. */
  readonly metadata?: JsonObject;
}

/** Options of {@link Session.update}; what is omitted stays. */
export interface UpdateOptions extends OpenOptions {
  /** Changes the session only if it has this version. */
  readonly ifVersion?: number;
}

/** Options of the list of sessions, or of variables. */
export interface ListOptions {
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string;
  /** The most items of the page, from 1 to 1000. Default: 100. */
  readonly limit?: number;
}

/** A page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Asks for the next page; absent on the last one. */
  readonly cursor?: string;
}

/** The limits on the options of a session. */
export type OptionLimits = Pick<SessionsConfig, "ttlMs" | "maxTtlMs" | "maxMetadataBytes">;

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const MAX_CURSOR_CHARS = 1_024;

/** @throws {InvalidInputError} `invalid_input` for an id that no session can have. */
export function checkId(id: string): void {
  const issue = nameIssue("id", id);
  if (issue !== undefined) throw invalidInput("use the session", [issue]);
}

/** Returns what is wrong with an id of a session, or the name of a variable. */
export function nameIssue(path: string, name: unknown): FieldIssue | undefined {
  if (typeof name === "string" && isSessionId(name)) return undefined;
  return { path, message: `given ${shownValue(name)}; allowed: ${SESSION_ID_RULE}` };
}

/**
 * Checks the options of a session, and copies its metadata.
 *
 * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
 */
export function checkedOptions(
  action: string,
  options: UpdateOptions,
  { limits, known }: {
    readonly limits: OptionLimits;
    readonly known: readonly (keyof UpdateOptions)[];
  },
): UpdateOptions {
  const issues: FieldIssue[] = unknownKeys(options, known);
  const { ttlMs, ifVersion } = options;
  const { maxTtlMs } = limits;
  if (ttlMs !== undefined && !isWhole(ttlMs, 1, maxTtlMs)) {
    const allowed = `a whole number of milliseconds from 1 to ${maxTtlMs} (sessions.maxTtlMs)`;
    issues.push({ path: "ttlMs", message: `given ${shownValue(ttlMs)}; allowed: ${allowed}` });
  }
  issues.push(...versionIssues("ifVersion", ifVersion));
  const metadata = metadataOf(options.metadata, limits, issues);
  if (issues.length > 0) throw invalidInput(action, issues);
  return {
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(ifVersion === undefined ? {} : { ifVersion }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Returns the issues of keys that an object of options does not have. */
export function unknownKeys(options: object, known: readonly string[]): FieldIssue[] {
  return Object.keys(options).filter((key) => !known.includes(key))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, known)}` }));
}

/** Returns what is wrong with a version that a caller expects; 0 stands for none. */
export function versionIssues(path: string, version: unknown): FieldIssue[] {
  if (version === undefined || isWhole(version, 0, Number.MAX_SAFE_INTEGER)) return [];
  return [{ path, message: `given ${shownValue(version)}; allowed: a whole number from 0 on` }];
}

/** Returns a copy of metadata; adds an issue if it is not valid. */
function metadataOf(
  metadata: unknown,
  { maxMetadataBytes }: OptionLimits,
  issues: FieldIssue[],
): JsonObject | undefined {
  if (metadata === undefined) return undefined;
  const json = metadataJson(metadata);
  if ("issue" in json) {
    issues.push(json.issue);
    return undefined;
  }
  const bytes = new TextEncoder().encode(json.text).byteLength;
  if (bytes <= maxMetadataBytes) return JSON.parse(json.text);
  const message = `given ${bytes} bytes of JSON; allowed: ${maxMetadataBytes} bytes ` +
    "(sessions.maxMetadataBytes)";
  issues.push({ path: "metadata", message });
  return undefined;
}

/**
 * Checks the options of a list.
 *
 * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
 */
export function checkedPage(
  action: string,
  options: ListOptions,
): { readonly after?: string; readonly limit: number } {
  const { cursor, limit = DEFAULT_PAGE } = options;
  const issues = unknownKeys(options, ["cursor", "limit"]);
  if (!isWhole(limit, 1, MAX_PAGE)) {
    const allowed = `a whole number from 1 to ${MAX_PAGE}`;
    issues.push({ path: "limit", message: `given ${shownValue(limit)}; allowed: ${allowed}` });
  }
  if (cursor !== undefined && !isCursor(cursor)) {
    const allowed = "the cursor of the page before";
    issues.push({ path: "cursor", message: `given ${shownValue(cursor)}; allowed: ${allowed}` });
  }
  if (issues.length > 0) throw invalidInput(action, issues);
  return { limit, ...(cursor === undefined ? {} : { after: cursor }) };
}

function isCursor(cursor: unknown): boolean {
  return typeof cursor === "string" && cursor.length >= 1 && cursor.length <= MAX_CURSOR_CHARS;
}

function isWhole(it: unknown, min: number, max: number): boolean {
  return typeof it === "number" && Number.isInteger(it) && it >= min && it <= max;
}
