import { Value } from "../bridge/mod.ts";
import type { ArrayForm } from "../pool/mod.ts";
import { CALL_FIELDS, fieldIssue, invalidCall } from "./call_fields.ts";

/** Most bytes that the arguments of a call may take. */
export const MAX_ARGS_BYTES = 2 ** 30;

/** Arguments of a tool by name, or already encoded. */
export type Args = Readonly<Record<string, unknown>> | Value;

/** Options of one call. */
export interface CallOptions {
  /**
   * Pool to ask; by default the one called `default` if it has the tool, else the first that has
   * it.
   */
  readonly pool?: string;
  /**
   * One deadline over waiting, link and tool; more than 0, at most a day. Default: what the tool
   * says of itself, `@tool(timeout_ms=...)`, else the `timeoutMs` of the pool.
   */
  readonly timeoutMs?: number;
  /** Whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /** Seen by the tool as `current_call().session_id`. */
  readonly sessionId?: string;
  /** Seen by the tool, and in the logs of both sides. Default: the id of the call. */
  readonly requestId?: string;
  /**
   * True when running it twice does what running it once does: it then runs again, in another
   * worker, when its worker dies. Default: what the tool says of itself, `@tool(idempotent=True)`.
   */
  readonly idempotent?: boolean;
  /**
   * The form of arrays in the result and the chunks: `list` for nested lists of numbers, `base64`
   * for arrays as they are, which HTTP sends as base64. Default: what the tool says of itself,
   * `@tool(arrays="list")`, else `base64`.
   */
  readonly arrays?: ArrayForm;
  /** Leaves the queue, or cancels the work, when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * The options with a rule. `pool` has none: it is looked up, and the error suggests similar names.
 */
const CHECKED = [
  "timeoutMs",
  "priority",
  "sessionId",
  "requestId",
  "idempotent",
  "arrays",
] as const;

/**
 * Checks the options of a call by {@link CALL_FIELDS}. This includes their types, for programs in
 * plain JavaScript.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkCallOptions(options: CallOptions): void {
  const { timeoutMs, priority, sessionId, requestId, idempotent, arrays } = options;
  // Almost every call passes this check. A loop over the names of the fields takes three times as
  // long.
  if (
    (timeoutMs === undefined || CALL_FIELDS.timeoutMs.isValid(timeoutMs)) &&
    (priority === undefined || CALL_FIELDS.priority.isValid(priority)) &&
    (sessionId === undefined || CALL_FIELDS.sessionId.isValid(sessionId)) &&
    (requestId === undefined || CALL_FIELDS.requestId.isValid(requestId)) &&
    (idempotent === undefined || CALL_FIELDS.idempotent.isValid(idempotent)) &&
    (arrays === undefined || CALL_FIELDS.arrays.isValid(arrays))
  ) return;
  const wrong = CHECKED.filter((field) =>
    options[field] !== undefined && !CALL_FIELDS[field].isValid(options[field])
  );
  throw invalidCall(wrong.map((field) => fieldIssue(field, options[field])));
}

/**
 * Returns the arguments, encoded.
 *
 * @throws {InvalidInputError | SnakedenError} When they are not an object, or hold what cannot
 * travel.
 */
export function encodeArgs(args: Args, maxDepth: number): Value {
  if (args instanceof Value) return checked(args);
  if (!CALL_FIELDS.args.isValid(args)) throw invalidCall([fieldIssue("args", args)]);
  return checked(Value.from(args, { maxDepth, name: "args" }));
}

/** Refuses arguments that no frame of the link can hold. */
function checked(args: Value): Value {
  if (args.weight <= MAX_ARGS_BYTES) return args;
  const message = `given ${args.weight} bytes; allowed: at most ${MAX_ARGS_BYTES} (1 GiB)`;
  throw invalidCall([{ path: "args", message }]);
}
