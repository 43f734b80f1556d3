import { Value } from "../bridge/mod.ts";
import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { PRIORITY_RANGE } from "../pool/mod.ts";

/** Longest deadline of a call: a day. */
export const MAX_TIMEOUT_MS = 86_400_000;

/** Longest id of a session or a request, in characters. */
export const MAX_ID_LENGTH = 128;

/** Most bytes that the arguments of a call may take. */
export const MAX_ARGS_BYTES = 2 ** 30;

/** Arguments of a tool by name, or already encoded. */
export type Args = Readonly<Record<string, unknown>> | Value;

/** How one call is made. */
export interface CallOptions {
  /** Pool to ask; by default the one called `default` if it has the tool, else the first that has it. */
  readonly pool?: string;
  /** One deadline over waiting, link and tool; more than 0, at most a day. Default: the pool's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /** Seen by the tool as `current_call().session_id`. */
  readonly sessionId?: string;
  /** Seen by the tool, and in the logs of both sides. Default: the id of the call. */
  readonly requestId?: string;
  /**
   * True when running it twice does what running it once does: it then runs again, in another worker, when its worker dies.
   * Default: what the tool says of itself, `@tool(idempotent=True)`.
   */
  readonly idempotent?: boolean;
  /** Leaves the queue, or cancels the work, when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * Checks what the types cannot.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkCallOptions(options: CallOptions): void {
  const { timeoutMs, priority, sessionId, requestId, idempotent } = options;
  // Almost every call passes here. The types are looked at again below for the sake of programs in plain JavaScript.
  if (
    timeoutMs === undefined && priority === undefined && sessionId === undefined &&
    requestId === undefined && idempotent === undefined
  ) return;
  const issues: FieldIssue[] = [];
  const { min, max } = PRIORITY_RANGE;
  if (
    timeoutMs !== undefined &&
    !(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)
  ) {
    issues.push({
      path: "timeoutMs",
      message: `has to be more than 0 and at most ${MAX_TIMEOUT_MS}, not ${timeoutMs}`,
    });
  }
  if (
    priority !== undefined && !(Number.isInteger(priority) && priority >= min && priority <= max)
  ) {
    issues.push({
      path: "priority",
      message: `has to be a whole number from ${min} to ${max}, not ${priority}`,
    });
  }
  if (idempotent !== undefined && typeof idempotent !== "boolean") {
    issues.push({ path: "idempotent", message: `has to be true or false, not ${idempotent}` });
  }
  for (const [path, id] of [["sessionId", sessionId], ["requestId", requestId]] as const) {
    if (id === undefined) continue;
    if (typeof id === "string" && id.length > 0 && id.length <= MAX_ID_LENGTH) continue;
    const given = typeof id === "string" ? id.length : `a ${typeof id}`;
    issues.push({ path, message: `has to have 1 to ${MAX_ID_LENGTH} characters, not ${given}` });
  }
  if (issues.length > 0) {
    const text = issues.map((it) => `${it.path} ${it.message}`).join("; ");
    throw new InvalidInputError(`Cannot make the call: ${text}`, issues);
  }
}

/**
 * The arguments, encoded.
 *
 * @throws {InvalidInputError | SnakedenError} When they are not an object, or hold what cannot travel.
 */
export function encodeArgs(args: Args, maxDepth: number): Value {
  if (args instanceof Value) return checked(args);
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    const given = args === null ? "null" : Array.isArray(args) ? "an array" : `a ${typeof args}`;
    const issue = {
      path: "args",
      message: `has to be an object of arguments by name, not ${given}`,
    };
    throw new InvalidInputError(`Cannot make the call: args ${issue.message}`, [issue]);
  }
  return checked(Value.from(args, { maxDepth, name: "args" }));
}

/** A frame of the link has to hold them. */
function checked(args: Value): Value {
  if (args.weight <= MAX_ARGS_BYTES) return args;
  const message = `take ${args.weight} bytes; ${MAX_ARGS_BYTES} (1 GiB) are allowed`;
  throw new InvalidInputError(`Cannot make the call: args ${message}`, [{ path: "args", message }]);
}
