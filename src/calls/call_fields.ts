import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";
import { AFFINITY_MODES } from "../pool/calls/affinity_mode.ts";
import { PRIORITY_RANGE } from "../pool/calls/call_queue.ts";
import { isSessionId, SESSION_ID_PATTERN, SESSION_ID_RULE } from "../session_id.ts";

/** The longest name of a tool or a pool that is looked up, in characters. */
const MAX_NAME_LENGTH = 256;

/** The longest id of a request, in characters. */
const MAX_ID_LENGTH = 128;

/** The longest deadline of a call: a day. */
const MAX_TIMEOUT_MS = 86_400_000;

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The rule for one field of a call: the same limits as code, as text for a caller, and as a schema
 * for the documentation.
 */
export interface FieldRule {
  /** Returns true for a value that the field may hold. Runs for every call, so it is plain code. */
  isValid(value: unknown): boolean;
  /** The allowed values, as an error text states them after "allowed:". */
  readonly allowed: string;
  /** The allowed values, as the OpenAPI document describes them. */
  readonly schema: JsonSchema;
}

/** Parts of a schema other than the limits. */
interface About {
  readonly description: string;
  readonly example?: unknown;
}

/**
 * The rules for all fields of a call, for HTTP and the library: both the body of a request and the
 * options of a call are checked and documented by this table. A test makes sure that `isValid` and
 * `schema` of each rule agree.
 */
export const CALL_FIELDS = {
  tool: text(MAX_NAME_LENGTH, { description: "Name of the tool.", example: "add" }),
  args: {
    isValid: isRecord,
    allowed: "an object of arguments by name",
    schema: {
      type: "object",
      additionalProperties: {},
      description: "Arguments by name; default none.",
      example: { a: 2, b: 3 },
    },
  },
  pool: text(MAX_NAME_LENGTH, { description: "Pool to ask; default the one that has the tool." }),
  sessionId: {
    isValid: (value) => typeof value === "string" && isSessionId(value),
    allowed: SESSION_ID_RULE,
    schema: {
      type: "string",
      pattern: SESSION_ID_PATTERN,
      description: "Session of the call, which keeps to one worker as `affinity` says; seen by " +
        "the tool.",
    },
  },
  requestId: text(MAX_ID_LENGTH, { description: "Seen by the tool, and in both logs." }),
  affinity: {
    isValid: (value) =>
      value === "hint" || value === "strict_queue" || value === "strict_fail_fast",
    allowed: '"hint", "strict_queue" or "strict_fail_fast"',
    schema: {
      type: "string",
      enum: AFFINITY_MODES,
      description: "How the call keeps to the worker of its session: `hint` prefers it, " +
        "`strict_queue` waits for it, `strict_fail_fast` is refused if it is busy; default that " +
        "of the pool.",
    },
  },
  rebind: {
    isValid: (value) => typeof value === "boolean",
    allowed: "true or false",
    schema: {
      type: "boolean",
      description: "The session starts again in another worker if its own is gone; default false.",
    },
  },
  whenBusy: {
    isValid: (value) => value === "wait" || value === "fail",
    allowed: '"wait" or "fail"',
    schema: {
      type: "string",
      enum: ["wait", "fail"],
      description: "What the call does if no worker is free and none may be started: `wait` " +
        "queues it, `fail` refuses it with `pool_saturated`; default that of the pool.",
    },
  },
  timeoutMs: {
    isValid: (value) => typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS,
    allowed: `a number of milliseconds greater than 0 and at most ${MAX_TIMEOUT_MS} (24 hours)`,
    schema: {
      type: "number",
      exclusiveMinimum: 0,
      maximum: MAX_TIMEOUT_MS,
      description: "Deadline in milliseconds; default that of the tool, else of the pool.",
    },
  },
  stallTimeoutMs: {
    isValid: (value) => typeof value === "number" && value >= 0 && value <= MAX_TIMEOUT_MS,
    allowed: `a number of milliseconds from 0 (no limit) to ${MAX_TIMEOUT_MS} (24 hours)`,
    schema: {
      type: "number",
      minimum: 0,
      maximum: MAX_TIMEOUT_MS,
      description:
        "Time that the tool may show nothing: no chunk, no progress, and no request to the " +
        "host. 0 for no limit; default that of the tool, else of the pool.",
    },
  },
  priority: wholeNumber(PRIORITY_RANGE, { description: "Higher goes first; default 0." }),
  idempotent: {
    isValid: (value) => typeof value === "boolean",
    allowed: "true or false",
    schema: {
      type: "boolean",
      description: "May run again when its worker dies; default what the tool says of itself.",
    },
  },
  arrays: {
    isValid: (value) => value === "list" || value === "base64",
    allowed: '"list" or "base64"',
    schema: {
      type: "string",
      enum: ["list", "base64"],
      description: "Form of arrays in the answer: nested lists of numbers, or their bytes; " +
        "default what the tool says of itself, else base64.",
    },
  },
} satisfies Readonly<Record<string, FieldRule>>;

/** The name of a field of a call. */
export type CallField = keyof typeof CALL_FIELDS;

function text(maxLength: number, about: About): FieldRule {
  return {
    isValid: (value) => typeof value === "string" && value.length > 0 && value.length <= maxLength,
    allowed: `a text of 1 to ${maxLength} characters`,
    schema: { type: "string", minLength: 1, maxLength, ...about },
  };
}

function wholeNumber(
  { min, max }: { readonly min: number; readonly max: number },
  about: About,
): FieldRule {
  return {
    isValid: (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= max,
    allowed: `a whole number from ${min} to ${max}`,
    schema: { type: "integer", minimum: min, maximum: max, ...about },
  };
}

/** Returns the issue of a value that its rule refuses. */
export function fieldIssue(field: CallField, value: unknown): FieldIssue {
  const { allowed }: FieldRule = CALL_FIELDS[field];
  return { path: field, message: `given ${shownValue(value)}; allowed: ${allowed}` };
}

/** Returns the `invalid_input` error of a call with these issues. */
export function invalidCall(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot make the call: ${list.join("; ")}`, issues);
}

/** Returns a short form of a value for an error text. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value !== "string") return String(value);
  return value.length > 60 ? `a text of ${value.length} characters` : JSON.stringify(value);
}
