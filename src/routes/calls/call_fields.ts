import { Value } from "../../bridge/mod.ts";
import { type CallOptions, MAX_ID_LENGTH, MAX_TIMEOUT_MS } from "../../calls/mod.ts";
import { isRecord } from "../../json/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import { PRIORITY_RANGE } from "../../pool/mod.ts";
import { parseJsonBody } from "../http/mod.ts";

/** Longest name of a tool or a pool that is looked up. */
export const MAX_NAME_LENGTH = 256;

/** The affinity modes there will be; only `hint` is served, and it asks for nothing. */
const RESERVED_AFFINITIES = ["strict_queue", "strict_fail_fast"];

/** The number of problems of a body that are reported; a body of 8 MB can have a million. */
const MAX_ISSUES = 20;

/** A call as described by a body. */
export interface CallFields {
  readonly tool: string;
  readonly args: Value;
  readonly options: Omit<CallOptions, "requestId" | "signal">;
}

interface CallBody extends Omit<CallOptions, "requestId" | "signal"> {
  readonly tool: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly affinity?: string;
}

/**
 * Reads a call from the bytes of a body: decodes, parses, checks and encodes. Runs on the event
 * loop for a small body, and in the thread of json_worker.ts for a large one.
 *
 * @throws {InvalidInputError} `invalid_input` naming what is wrong.
 */
export function decodeCall(bytes: Uint8Array, maxDepth: number): CallFields {
  const body = parseJsonBody(bytes, maxDepth);
  assertCallBody(body);
  const { tool, args = {}, affinity: _affinity, ...options } = body;
  return { tool, args: encode(args, maxDepth), options };
}

function assertCallBody(body: unknown): asserts body is CallBody {
  const issues = findIssues(body);
  if (issues.length === 0) return;
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  throw new InvalidInputError(`Cannot make the call: ${list.join("; ")}`, issues);
}

/**
 * Turns errors of encoding into `invalid_input`: the client wrote `args`, so an unsupported value
 * is its mistake.
 */
function encode(args: Readonly<Record<string, unknown>>, maxDepth: number): Value {
  try {
    return Value.fromJsonTree(args, { maxDepth, name: "args" });
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    throw new InvalidInputError(error.message, [{ path: "args", message: error.message }]);
  }
}

type Check = (value: unknown) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  tool: textCheck(MAX_NAME_LENGTH),
  args: (value) => isRecord(value) ? undefined : "an object of arguments by name",
  pool: textCheck(MAX_NAME_LENGTH),
  sessionId: textCheck(MAX_ID_LENGTH),
  affinity: (value) => {
    if (value === "hint") return undefined;
    const reserved = RESERVED_AFFINITIES.includes(String(value));
    return `"hint"${reserved ? " (this one is reserved for a later version)" : ""}`;
  },
  timeoutMs: (value) =>
    typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS
      ? undefined
      : `a number of milliseconds greater than 0 and at most ${MAX_TIMEOUT_MS} (24 hours)`,
  priority: (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= PRIORITY_RANGE.min &&
      value <= PRIORITY_RANGE.max
      ? undefined
      : `a whole number from ${PRIORITY_RANGE.min} to ${PRIORITY_RANGE.max}`,
  idempotent: (value) => typeof value === "boolean" ? undefined : "true or false",
};

const KNOWN_KEYS = Object.keys(CHECKS);

function textCheck(maxLength: number): Check {
  return (value) =>
    typeof value === "string" && value.length > 0 && value.length <= maxLength
      ? undefined
      : `a text of 1 to ${maxLength} characters`;
}

/** Returns the fields of a call that are wrong. Written by hand because it runs for every call. */
export function findIssues(body: unknown): FieldIssue[] {
  if (!isRecord(body)) {
    return [{
      path: "",
      message: `the body is ${shown(body)}; allowed: an object such as {"tool":"ping"}`,
    }];
  }
  const issues: FieldIssue[] = [];
  if (!Object.hasOwn(body, "tool")) {
    issues.push({ path: "tool", message: "missing; allowed: the name of a tool" });
  }
  for (const key of Object.keys(body)) {
    if (issues.length === MAX_ISSUES) {
      issues.push({ path: "", message: `more is wrong; the first ${MAX_ISSUES} are listed` });
      break;
    }
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
    if (check === undefined) {
      issues.push({ path: key, message: `unknown key; ${suggestion(key, KNOWN_KEYS)}` });
      continue;
    }
    const allowed = check(body[key]);
    if (allowed !== undefined) {
      issues.push({ path: key, message: `given ${shown(body[key])}; allowed: ${allowed}` });
    }
  }
  return issues;
}

/** Returns a short form of a value for an error text. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value !== "string") return String(value);
  return value.length > 60 ? `a text of ${value.length} characters` : JSON.stringify(value);
}
