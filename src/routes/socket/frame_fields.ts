import { Value } from "../../bridge/mod.ts";
import { type Args, type CallOptions, invalidCall, shownValue } from "../../calls/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { findIssues } from "../calls/mod.ts";
import { parseJson } from "../http/mod.ts";

/** The types of text messages that a client sends. */
const TYPES = ["call", "chunk", "end", "cancel"] as const;

/** The type of a text message of a client. */
export type FrameType = typeof TYPES[number];

/** A text message of a client, whose other fields are still unchecked. */
export interface TextFrame {
  readonly type: FrameType;
  readonly id: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The highest id of a call. */
const MAX_ID = 2 ** 32 - 1;
/** The longest name of a parameter, in characters. */
const MAX_NAME = 256;

/** A call that a client opens. */
export interface SocketCallFields {
  readonly tool: string;
  readonly args: Value;
  readonly options: Omit<CallOptions, "signal" | "requestId">;
  /** The parameter that gets the items of the client. */
  readonly input: string | undefined;
  /** True if the client gets chunks and progress. */
  readonly streams: boolean;
}

/**
 * Reads the fields that every text message has.
 *
 * @throws {InvalidInputError} `invalid_input` for what is no message at all.
 */
export function readText(text: string, maxDepth: number): TextFrame {
  const frame = parseJson(text, "the message", maxDepth);
  if (!isRecord(frame)) {
    const example = '{"type":"call","id":1,"tool":"ping"}';
    throw badFrame("", `given ${shownValue(frame)}; allowed: an object such as ${example}`);
  }
  const { type, id, ...fields } = frame;
  const known = TYPES.find((it) => it === type);
  if (known === undefined) {
    throw badFrame("type", `given ${shownValue(type)}; allowed: "${TYPES.join('", "')}"`);
  }
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > MAX_ID) {
    throw badFrame("id", `given ${shownValue(id)}; allowed: a whole number from 0 to ${MAX_ID}`);
  }
  return { type: known, id, fields };
}

/**
 * Reads the fields of a call, by the rules of the body of `POST /v1/execute`.
 *
 * @param buffers The buffers that its arguments may refer to.
 * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
 */
export function readCall(
  { fields }: TextFrame,
  { maxDepth, buffers }: { readonly maxDepth: number; readonly buffers: readonly Uint8Array[] },
): SocketCallFields {
  const { input, stream = false, ...call } = fields;
  const issues = findIssues(call);
  if (typeof stream !== "boolean") {
    const message = `given ${shownValue(stream)}; allowed: true or false`;
    issues.push({ path: "stream", message });
  }
  const { args = {}, tool, ...options } = call;
  if (input !== undefined) issues.push(...inputIssues(input, args));
  if (issues.length > 0) throw invalidCall(issues);
  return {
    tool: String(tool),
    args: encoded(args, { maxDepth, buffers, name: "args" }),
    options,
    input: input as string | undefined,
    streams: stream === true,
  };
}

/**
 * Returns the item in a `chunk`.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function readItem(
  frame: TextFrame,
  { maxDepth, buffers }: { readonly maxDepth: number; readonly buffers: readonly Uint8Array[] },
): unknown {
  const { value, ...others } = frame.fields;
  if (!Object.hasOwn(frame.fields, "value")) {
    throw badFrame("value", "missing; allowed: the item, any value");
  }
  checkNoFields(others, ["value"]);
  return encoded(value, { maxDepth, buffers, name: "value" }).decode();
}

/**
 * Refuses fields that a message has no use for.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function checkNoFields(
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[] = [],
): void {
  const [key] = Object.keys(fields);
  if (key !== undefined) {
    throw badFrame(key, `unknown key; ${suggestion(key, ["type", "id", ...known])}`);
  }
}

/** Returns the arguments of a call with an iterable as one of them. */
export function withInput(args: Value, name: string, items: AsyncIterable<unknown>): Args {
  return { ...args.decode() as Readonly<Record<string, unknown>>, [name]: items };
}

/** Returns the error of a message with one wrong field. */
export function badFrame(path: string, message: string): InvalidInputError {
  return new InvalidInputError(
    `Cannot read the message: ${path === "" ? "" : `${path}: `}${message}`,
    [{ path, message }],
  );
}

function inputIssues(input: unknown, args: unknown): FieldIssue[] {
  if (typeof input !== "string" || input === "" || input.length > MAX_NAME) {
    const allowed = `the name of a parameter, of 1 to ${MAX_NAME} characters`;
    return [{ path: "input", message: `given ${shownValue(input)}; allowed: ${allowed}` }];
  }
  if (!isRecord(args) || !Object.hasOwn(args, input)) return [];
  return [{ path: `args.${input}`, message: "given twice: `input` names it too" }];
}

function encoded(
  tree: unknown,
  { maxDepth, buffers, name }: {
    readonly maxDepth: number;
    readonly buffers: readonly Uint8Array[];
    readonly name: string;
  },
): Value {
  try {
    return Value.fromJsonTree(tree, { maxDepth, name, buffers });
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    throw badFrame(name, error.message);
  }
}
