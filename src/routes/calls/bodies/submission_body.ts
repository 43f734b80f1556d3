import { LineList, MAX_LIST_ITEMS, Value } from "../../../bridge/values/mod.ts";
import { shownValue } from "../../../calls/call_fields.ts";
import { InvalidInputError, SnakedenError } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { parseJsonBody } from "../../http/request_body.ts";

/** The most jobs of a batch in one body. */
export const MAX_BATCH = 1_000;

/** The longest text of the other fields, which block the event loop while it receives them. */
const MAX_FIELDS_CHARS = 1024 * 1024;

/**
 * Reads a submission of a job from a JSON body: its tree, in which `args` are encoded. The other
 * fields are still unchecked.
 *
 * @throws {InvalidInputError} `invalid_input` naming what is wrong.
 */
export function decodeSubmission(bytes: Uint8Array, maxDepth: number): unknown {
  const body = parseJsonBody(bytes, maxDepth);
  if (Array.isArray(body)) {
    throw invalid(`given ${shownValue(body)}; allowed: an object; /v1/jobs/batch takes a list`);
  }
  const input = submissionOf(body, { maxDepth, maxListItems: MAX_LIST_ITEMS });
  if (input instanceof InvalidInputError) throw input;
  return input;
}

/**
 * Reads a list of submissions like {@link decodeSubmission}. An item whose arguments cannot be read
 * is its error, so that all that is wrong can be named at once.
 *
 * @throws {InvalidInputError} `invalid_input` for a body that is no list of at most 1,000.
 */
export function decodeBatch(bytes: Uint8Array, maxDepth: number): unknown[] {
  const body = parseJsonBody(bytes, maxDepth);
  if (Array.isArray(body) && body.length <= MAX_BATCH) {
    return body.map((it) => submissionOf(it, { maxDepth, maxListItems: MAX_LIST_ITEMS }));
  }
  const given = Array.isArray(body) ? `${body.length} jobs` : shownValue(body);
  throw invalid(
    `given ${given}; allowed: a list of at most ${MAX_BATCH} jobs; for more, one job a line as ` +
      "application/x-ndjson",
  );
}

/** Options of {@link submissionOf}. */
export interface SubmissionOptions {
  readonly maxDepth: number;
  /** The longest list that stays a part of its batch; of a longer one, there are lines. */
  readonly maxListItems: number;
}

/** Returns a tree of JSON with its `args` encoded, or the error why they cannot be. */
export function submissionOf(tree: unknown, options: SubmissionOptions): unknown {
  if (!isRecord(tree)) return tree;
  if (tree["kind"] === "batch") return batchOf(tree, options);
  const { maxDepth } = options;
  const { args } = tree;
  if (!isRecord(args)) return tree;
  try {
    // Nobody else has the tree.
    (tree as Record<string, unknown>)["args"] = Value.fromJsonTree(args, {
      maxDepth,
      name: "args",
    });
    return tree;
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    return new InvalidInputError(error.message, [{ path: "args", message: error.message }]);
  }
}

/**
 * Returns a batch with its `inputs` and `args` encoded together, as `args`; of a long list, the
 * `inputs` are lines. The check of the submission finds what is wrong with other fields.
 */
function batchOf(
  tree: Readonly<Record<string, unknown>>,
  { maxDepth, maxListItems }: SubmissionOptions,
): unknown {
  const { inputs, args, ...rest } = tree;
  if (args !== undefined && !isRecord(args)) return tree;
  if (inputs !== undefined && !Array.isArray(inputs)) return tree;
  const wrong = tree["input"] === undefined ? inputs?.findIndex((it) => !isRecord(it)) ?? -1 : -1;
  if (wrong >= 0) {
    return wrongInput(`inputs[${wrong}]`, `given ${shownValue(inputs?.[wrong])}; ${ALLOWED_ITEM}`);
  }
  const isLong = inputs !== undefined && inputs.length > maxListItems;
  const packed = {
    ...(inputs === undefined || isLong ? {} : { inputs }),
    ...(args === undefined ? {} : { args }),
  };
  try {
    const value = Value.fromJsonTree(packed, { maxDepth: maxDepth + 2, name: "batch" });
    if (!isLong) return { ...rest, args: value };
    const lines = LineList.fromJsonTrees(inputs, { maxDepth, name: "inputs" });
    return { ...rest, args: value, inputs: lines };
  } catch (error) {
    if (!(error instanceof SnakedenError) || error.code !== "invalid_value") throw error;
    return wrongInput("inputs", error.message);
  }
}

const ALLOWED_ITEM = "allowed: an object of arguments, or any value with the name of its " +
  "parameter as input";

function wrongInput(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot submit the job: ${path}: ${message}`, [{ path, message }]);
}

/** A submission, with its arguments and its long list apart from its other fields. */
export interface SplitSubmission {
  readonly fields?: unknown;
  readonly args?: Value;
  readonly lines?: LineList;
  readonly error?: InvalidInputError;
}

/**
 * Takes submissions apart, to be sent to another thread.
 *
 * @throws {InvalidInputError} `invalid_input` if their other fields are too long.
 */
export function split(inputs: readonly unknown[]): SplitSubmission[] {
  const items = inputs.map((input): SplitSubmission => {
    if (input instanceof InvalidInputError) return { error: input };
    if (!isRecord(input) || !(input["args"] instanceof Value)) return { fields: input };
    const { args, ...fields } = input;
    if (!(fields["inputs"] instanceof LineList)) return { fields, args };
    const { inputs: lines, ...others } = fields;
    return { fields: others, args, lines: lines as LineList };
  });
  const text = JSON.stringify(items.map((it) => it.fields), withoutBigints) ?? "";
  if (text.length <= MAX_FIELDS_CHARS) return items;
  const rule = `at most ${MAX_FIELDS_CHARS} characters beside the arguments`;
  throw invalid(`given ${text.length} characters of JSON; allowed: ${rule}`);
}

/** Puts a submission together again. */
export function joined({ fields, args, lines, error }: SplitSubmission): unknown {
  if (error !== undefined) return error;
  if (!isRecord(fields) || args === undefined) return fields;
  return { ...fields, args, ...(lines === undefined ? {} : { inputs: lines }) };
}

function withoutBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError(`Cannot read the body: ${message}`, [{ path: "", message }]);
}
