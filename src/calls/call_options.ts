import { type InputCollector, Value, type WriteOptions } from "../bridge/mod.ts";
import {
  type AffinityMode,
  type ArrayForm,
  CallInputs,
  type InputLimits,
  type WhenBusy,
} from "../pool/mod.ts";
import type { FieldIssue, InvalidInputError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import { CALL_FIELDS, fieldIssue, invalidCall, shownValue } from "./call_fields.ts";

/** The most bytes that the arguments of a call may take. */
export const MAX_ARGS_BYTES = 2 ** 30;

/** Arguments of a tool by name, or already encoded. */
export type Args = Readonly<Record<string, unknown>> | Value;

/** Options of one call. */
export interface CallOptions {
  /**
   * The pool that runs the call. Default: the pool `default` if it has the tool, else the first
   * one that has it.
   */
  readonly pool?: string;
  /**
   * The deadline of the call, from now until its result: more than 0, at most a day. Default: that
   * of the tool, `@tool(timeout_ms=...)`, else the `timeoutMs` of the pool.
   */
  readonly timeoutMs?: number;
  /**
   * The time that the tool may show nothing, in milliseconds: no chunk, no progress, and no request
   * to the host. Beyond it the call fails with `stalled`. The time in the queue does not count, nor
   * that in which the tool waits for its reader or for the host. 0 for no limit. Default: that of
   * the tool, `@tool(stall_timeout_ms=...)`, else the `stallTimeoutMs` of the pool.
   */
  readonly stallTimeoutMs?: number;
  /** A whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /**
   * The id of a session: 1 to 128 letters, digits or `.` `_` `:` `-`. The tool sees it as
   * `current_call().session_id`. Calls of a session keep to one worker, as `affinity` says.
   */
  readonly sessionId?: string;
  /** The way in which the call keeps to the worker of its session. Default: that of the pool. */
  readonly affinity?: AffinityMode;
  /**
   * True if the session starts again, bound to another worker, should its own be gone. Without it,
   * strict calls of such a session are refused with `session_worker_unavailable`. It has no effect
   * while the worker is there. Default false.
   */
  readonly rebind?: boolean;
  /**
   * `fail` refuses the call with `pool_saturated` if no worker is free and none may be started;
   * `wait` queues it. Default: that of the pool.
   */
  readonly whenBusy?: WhenBusy;
  /** An id for the tool and for the logs of both sides. Default: the id of the call. */
  readonly requestId?: string;
  /**
   * True if running the call twice has the same effect as running it once. It then runs again, in
   * another worker, if its worker dies. Default: that of the tool, `@tool(idempotent=True)`.
   */
  readonly idempotent?: boolean;
  /**
   * The form of arrays in the result and the chunks: `list` for nested lists of numbers, `base64`
   * for arrays as they are, which HTTP sends as base64. Default: that of the tool,
   * `@tool(arrays="list")`, else `base64`.
   */
  readonly arrays?: ArrayForm;
  /**
   * Called with each report of progress, decoded, also of a call that does not stream. Reports that
   * come faster than the link carries them are dropped, except the latest.
   */
  readonly onProgress?: (report: unknown) => void;
  /** A signal that takes the call out of the queue, or cancels its work. */
  readonly signal?: AbortSignal;
}

/**
 * The options with a rule. `pool` has none: it is looked up, and the error suggests similar names.
 */
const CHECKED = [
  "timeoutMs",
  "stallTimeoutMs",
  "priority",
  "sessionId",
  "affinity",
  "rebind",
  "whenBusy",
  "requestId",
  "idempotent",
  "arrays",
] as const;

/** The names of all options. */
const OPTIONS = [
  ...CHECKED,
  "pool",
  "onProgress",
  "signal",
] as const satisfies readonly (keyof CallOptions)[];

/**
 * Returns true if an option has this name. Runs for every option of every call: a switch takes half
 * the time of a look-up in a set.
 */
function isOption(name: string): boolean {
  switch (name as typeof OPTIONS[number]) {
    case "affinity":
    case "arrays":
    case "idempotent":
    case "onProgress":
    case "pool":
    case "priority":
    case "rebind":
    case "requestId":
    case "sessionId":
    case "signal":
    case "stallTimeoutMs":
    case "timeoutMs":
    case "whenBusy":
      return true;
    default:
      return false;
  }
}

/** Returns the error with the issues of all options, unknown ones first. */
function refused(options: CallOptions): InvalidInputError {
  const unknown = Object.keys(options).filter((name) => !isOption(name)).map((name) => ({
    path: name,
    message: `there is no such option; ${suggestion(name, OPTIONS)}`,
  }));
  const wrong = CHECKED.filter((field) =>
    options[field] !== undefined && !CALL_FIELDS[field].isValid(options[field])
  );
  const { onProgress } = options;
  const listener = onProgress === undefined || typeof onProgress === "function" ? [] : [{
    path: "onProgress",
    message: `given ${shownValue(onProgress)}; allowed: a function`,
  }];
  const lone = options.sessionId === undefined ? withoutSession(options) : [];
  return invalidCall([
    ...unknown,
    ...wrong.map((field) => fieldIssue(field, options[field])),
    ...listener,
    ...lone.filter(({ path }) => !wrong.some((field) => field === path)),
  ]);
}

/** Returns the issues of options that mean nothing without a session. */
function withoutSession({ affinity, rebind }: CallOptions): FieldIssue[] {
  const given = {
    affinity: affinity === "hint" ? undefined : affinity,
    rebind: rebind || undefined,
  };
  return Object.entries(given).filter(([, value]) => value !== undefined).map(([path, value]) => ({
    path,
    message: `given ${shownValue(value)} without a sessionId; allowed: with a sessionId only`,
  }));
}

/**
 * Checks the options of a call by {@link CALL_FIELDS}, and their names. This includes their types,
 * for programs in plain JavaScript.
 *
 * @throws {InvalidInputError} Naming every field that is wrong.
 */
export function checkCallOptions(options: CallOptions): void {
  // A loop over the names that are there, because options are few: a typo must not be ignored.
  for (const name in options) if (!isOption(name)) throw refused(options);
  const { timeoutMs, priority, sessionId, affinity, rebind, requestId, idempotent, arrays } =
    options;
  const { stallTimeoutMs, onProgress, whenBusy } = options;
  // Almost every call passes this check. A loop over the names of the fields takes three times as
  // long.
  if (
    (timeoutMs === undefined || CALL_FIELDS.timeoutMs.isValid(timeoutMs)) &&
    (stallTimeoutMs === undefined || CALL_FIELDS.stallTimeoutMs.isValid(stallTimeoutMs)) &&
    (onProgress === undefined || typeof onProgress === "function") &&
    (priority === undefined || CALL_FIELDS.priority.isValid(priority)) &&
    (sessionId === undefined || CALL_FIELDS.sessionId.isValid(sessionId)) &&
    (affinity === undefined || CALL_FIELDS.affinity.isValid(affinity)) &&
    (rebind === undefined || CALL_FIELDS.rebind.isValid(rebind)) &&
    (whenBusy === undefined || CALL_FIELDS.whenBusy.isValid(whenBusy)) &&
    (requestId === undefined || CALL_FIELDS.requestId.isValid(requestId)) &&
    (idempotent === undefined || CALL_FIELDS.idempotent.isValid(idempotent)) &&
    (arrays === undefined || CALL_FIELDS.arrays.isValid(arrays))
  ) {
    if (sessionId !== undefined || (!rebind && (affinity ?? "hint") === "hint")) return;
  }
  throw refused(options);
}

/** Returns the options with which {@link encodeArgs} encodes arguments. */
export function argsWriting(limits: InputLimits): WriteOptions {
  const { maxDepth } = limits;
  return { maxDepth, name: "args", inputs: (): InputCollector => new CallInputs(limits) };
}

/**
 * Returns the arguments, encoded.
 *
 * @throws {InvalidInputError | SnakedenError} If they are not an object, or hold a value that
 * cannot be sent.
 */
export function encodeArgs(args: Args, writing: WriteOptions): Value {
  if (args instanceof Value) return checked(args);
  if (!CALL_FIELDS.args.isValid(args)) throw invalidCall([fieldIssue("args", args)]);
  return checked(Value.from(args, writing));
}

/** Refuses arguments that no frame of the link can hold. */
function checked(args: Value): Value {
  if (args.weight <= MAX_ARGS_BYTES) return args;
  const message = `given ${args.weight} bytes; allowed: at most ${MAX_ARGS_BYTES} (1 GiB)`;
  throw invalidCall([{ path: "args", message }]);
}
