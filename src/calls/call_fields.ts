import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";
import { PRIORITY_RANGE } from "../pool/calls/call_queue.ts";

/** Longest name of a tool or a pool that is looked up, in characters. */
const MAX_NAME_LENGTH = 256;

/** Longest id of a session or a request, in characters. */
const MAX_ID_LENGTH = 128;

/** Longest deadline of a call: a day. */
const MAX_TIMEOUT_MS = 86_400_000;

/** The affinity modes there will be; only `hint` is served, and it asks for nothing. */
const RESERVED_AFFINITIES: readonly unknown[] = ["strict_queue", "strict_fail_fast"];

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The rule of one field of a call: what it may hold, for a program, a caller and a document. */
export interface FieldRule {
  /** Returns true for a value that the field may hold. Runs for every call, so it is plain code. */
  isValid(value: unknown): boolean;
  /** What the field may hold, as an error text says it after "allowed:". */
  readonly allowed: string;
  /** The same for the description of the HTTP interface. */
  readonly schema: JsonSchema;
  /** Returns what is to be said of a wrong value besides, if anything. */
  noteOn?(value: unknown): string | undefined;
}

/** What a schema tells a reader besides the limits. */
interface About {
  readonly description: string;
  readonly example?: unknown;
}

/**
 * The one table of what a call may bring, whichever door it comes through: the body of a request is
 * checked and documented by it, and so are the options of the library. A test holds the two columns
 * of each rule together.
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
  sessionId: text(MAX_ID_LENGTH, { description: "Seen by the tool." }),
  requestId: text(MAX_ID_LENGTH, { description: "Seen by the tool, and in both logs." }),
  affinity: {
    isValid: (value) => value === "hint",
    allowed: '"hint"',
    schema: {
      type: "string",
      enum: ["hint"],
      description: "How closely a session keeps to its worker.",
    },
    noteOn: (value) =>
      RESERVED_AFFINITIES.includes(value) ? "this one is reserved for a later version" : undefined,
  },
  timeoutMs: {
    isValid: (value) => typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS,
    allowed: `a number of milliseconds greater than 0 and at most ${MAX_TIMEOUT_MS} (24 hours)`,
    schema: {
      type: "number",
      exclusiveMinimum: 0,
      maximum: MAX_TIMEOUT_MS,
      description: "Deadline in milliseconds; default that of the pool.",
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

/** Returns what is wrong with a value that its rule refuses. */
export function fieldIssue(field: CallField, value: unknown): FieldIssue {
  const { allowed, noteOn }: FieldRule = CALL_FIELDS[field];
  const note = noteOn?.(value);
  const message = `given ${shownValue(value)}; allowed: ${allowed}`;
  return { path: field, message: note === undefined ? message : `${message} (${note})` };
}

/** Returns the error for a call with these issues: `invalid_input`. */
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
