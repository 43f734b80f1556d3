import { Value } from "../../bridge/values/mod.ts";
import {
  CALL_FIELDS,
  type CallField,
  fieldIssue,
  invalidCall,
  type JsonSchema,
  shownValue,
} from "../../calls/call_fields.ts";
import type { CallOptions } from "../../calls/call_options.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { decodeText, parseJson, parseJsonBody } from "../http/request_body.ts";

/** The number of problems of a body that are reported; a body of 8 MB can have a million. */
const MAX_ISSUES = 20;

/** The fields of a body; the id of a request is in a header instead. */
const { requestId: _header, ...BODY_FIELDS } = CALL_FIELDS;

const KNOWN_KEYS = Object.keys(BODY_FIELDS);

/** The issue of a call without a tool. */
export const NO_TOOL: FieldIssue = {
  path: "tool",
  message: "missing; allowed: the name of a tool",
};

const TOOL_OF_PROGRAM: FieldIssue = {
  path: "tool",
  message: "unknown key; the program names its tool",
};

/** The component of the OpenAPI document that holds {@link callRequestSchema}. */
export const CALL_REQUEST = "CallRequest";

/**
 * The body of a call, for OpenAPI. {@link findIssues} checks bodies by the same rules; a test
 * compares the two.
 */
export const callRequestSchema: JsonSchema = {
  type: "object",
  properties: Object.fromEntries(
    Object.entries(BODY_FIELDS).map(([field, { schema }]) => [field, schema]),
  ),
  required: ["tool"],
  additionalProperties: false,
};

/** The component of the OpenAPI document that holds {@link runRequestSchema}. */
export const RUN_REQUEST = "RunRequest";

const { tool: _tool, ...RUN_FIELDS } = callRequestSchema["properties"] as JsonSchema;

const RUN_KEYS = Object.keys(RUN_FIELDS);

/** The body of the run of a program, which has the fields of a call without its tool. */
export const runRequestSchema: JsonSchema = {
  type: "object",
  properties: RUN_FIELDS,
  additionalProperties: false,
};

/** A call as described by a body. */
export interface CallFields {
  /** Empty for the run of a program. */
  readonly tool: string;
  readonly args: Value;
  readonly options: Omit<CallOptions, "requestId" | "signal">;
}

/** The parts of a call in a body that is not JSON. */
export interface Upload extends CallParts {
  /** Arguments that are bytes, by name. */
  readonly files: ReadonlyMap<string, Uint8Array | readonly Uint8Array[]>;
}

interface CallBody extends Omit<CallOptions, "requestId" | "signal"> {
  readonly tool?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** An argument that a form has as text or JSON. */
export interface ArgPart {
  readonly name: string;
  readonly form: "text" | "json";
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** True for one of the items of a list. */
  readonly isItem: boolean;
}

/** The parts of a call that stand outside of a JSON body. */
export interface CallParts {
  /** Fields by name, still unchecked. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly args: readonly ArgPart[];
  /**
   * Arguments that the tool does not have. Python refuses them as well, but only if all others can
   * be read.
   */
  readonly unknown?: readonly FieldIssue[];
  /** True for the run of a program, which names the tool instead of the body. */
  readonly isRun?: boolean;
}

/**
 * Reads a call from the bytes of a body: decodes, parses, checks and encodes. Runs on the event
 * loop for a small body, and in the thread of json_worker.ts for a large one.
 *
 * @param bytes The JSON body, if there is one.
 * @throws {InvalidInputError} `invalid_input` naming what is wrong.
 */
export function decodeCall(
  bytes: Uint8Array | undefined,
  maxDepth: number,
  parts?: CallParts,
): CallFields {
  const sent = bytes === undefined ? {} : parseJsonBody(bytes, maxDepth);
  const body = parts === undefined ? sent : joined(sent, parts, maxDepth);
  assertCallBody(body, { isRun: parts?.isRun ?? false });
  const { tool = "", args = {}, ...options } = body;
  return { tool, args: encode(args, maxDepth), options };
}

/** Returns a body with the fields and arguments that stand outside of it. Its own fields win. */
function joined(body: unknown, parts: CallParts, maxDepth: number): unknown {
  if (!isRecord(body)) return body;
  const { fields, args: given } = parts;
  const call: Record<string, unknown> = { ...fields, ...body };
  if (given.length === 0) return call;
  const before = call["args"] ?? {};
  if (!isRecord(before)) return call;
  const args: Record<string, unknown> = { ...before };
  const lists = new Map<string, unknown[]>();
  const refused: InvalidInputError[] = [];
  for (const part of given) {
    const { name, isItem } = part;
    const path = `args.${name}`;
    const value = valueOf(part, { path, maxDepth, refused });
    const list = lists.get(name);
    if (list !== undefined) list.push(value);
    else if (Object.hasOwn(args, name)) throw invalidCall([{ path, message: "given twice" }]);
    else if (isItem) {
      const items = [value];
      lists.set(name, items);
      args[name] = items;
    } else args[name] = value;
  }
  const [first] = refused;
  if (first === undefined) return { ...call, args };
  const issues = [...refused.flatMap((it) => it.issues), ...parts.unknown ?? []];
  throw issues.length === 1 ? first : invalidCall(issues.slice(0, MAX_ISSUES));
}

/** Returns the value of a part; adds its error to `refused` if it has none. */
function valueOf(
  { form, bytes }: ArgPart,
  { path, maxDepth, refused }: {
    readonly path: string;
    readonly maxDepth: number;
    readonly refused: InvalidInputError[];
  },
): unknown {
  try {
    const text = decodeText(bytes, path);
    return form === "json" ? parseJson(text, path, maxDepth) : text;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    refused.push(error);
    return undefined;
  }
}

function assertCallBody(
  body: unknown,
  options: { readonly isRun: boolean },
): asserts body is CallBody {
  const issues = findIssues(body, options);
  if (issues.length > 0) throw invalidCall(issues);
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

/**
 * Returns the fields of a call that are wrong. Plain code, because it runs for every call.
 *
 * @param options.isRun True for the run of a program, which names no tool.
 */
export function findIssues(body: unknown, { isRun } = { isRun: false }): FieldIssue[] {
  if (!isRecord(body)) {
    const example = isRun ? '{"args":{}}' : '{"tool":"ping"}';
    return [{
      path: "",
      message: `the body is ${shownValue(body)}; allowed: an object such as ${example}`,
    }];
  }
  const issues: FieldIssue[] = [];
  if (!isRun && !Object.hasOwn(body, "tool")) issues.push(NO_TOOL);
  for (const key of Object.keys(body)) {
    if (issues.length === MAX_ISSUES) {
      issues.push({ path: "", message: `more is wrong; the first ${MAX_ISSUES} are listed` });
      break;
    }
    if (isRun && key === "tool") issues.push(TOOL_OF_PROGRAM);
    else if (!isBodyField(key)) {
      const known = isRun ? RUN_KEYS : KNOWN_KEYS;
      issues.push({ path: key, message: `unknown key; ${suggestion(key, known)}` });
    } else if (!BODY_FIELDS[key].isValid(body[key])) issues.push(fieldIssue(key, body[key]));
  }
  return issues;
}

function isBodyField(key: string): key is Exclude<CallField, "requestId"> {
  return Object.hasOwn(BODY_FIELDS, key);
}
