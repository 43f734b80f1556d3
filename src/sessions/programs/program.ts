import { z } from "zod";
import { Value } from "../../bridge/mod.ts";
import { type Args, CALL_FIELDS, fieldIssue, shownValue } from "../../calls/mod.ts";
import type { SessionsConfig } from "../../config/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { AffinityMode } from "../../pool/mod.ts";
import type { JsonObject, ProgramHead, ProgramRow } from "../../store/mod.ts";
import { invalidInput } from "../session_errors.ts";
import { metadataJson } from "../metadata.ts";
import { unknownKeys } from "../session_options.ts";

/** A call that a program makes, without its arguments. */
export interface ProgramCall {
  /** The name of the tool, which need not exist until the program is run. */
  readonly tool: string;
  /** The pool that runs the call; see {@link CallOptions.pool}. */
  readonly pool?: string;
  /** The deadline of the call; see {@link CallOptions.timeoutMs}. */
  readonly timeoutMs?: number;
  /** The longest silence of the tool; see {@link CallOptions.stallTimeoutMs}. */
  readonly stallTimeoutMs?: number;
  /** See {@link CallOptions.affinity}. It needs a session at the run, unless it is `hint`. */
  readonly affinity?: AffinityMode;
  /** See {@link CallOptions.priority}. */
  readonly priority?: number;
  /** Data about the program: an object of JSON. */
  readonly metadata?: JsonObject;
}

/** A program to write. */
export interface ProgramToPut extends ProgramCall {
  /** The arguments of the call that a run does not give itself; no bytes and no arrays. */
  readonly args?: Args;
}

/** A program without its call. */
export interface ProgramInfo {
  /** 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly name: string;
  /** Begins at 1, and rises by one with each write. It begins at 1 again after a removal. */
  readonly version: number;
  /** The time of the last write, in ISO 8601. */
  readonly updatedAt: string;
  /** The length of the program, as JSON in UTF-8. */
  readonly bytes: number;
}

/** A program that was written. */
export interface PutProgram extends ProgramInfo {
  /** True if there was no program of this name. */
  readonly created: boolean;
}

/** A program. */
export interface Program extends ProgramInfo, ProgramCall {
  /** The arguments by name, decoded. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** A program whose arguments are encoded. */
export interface StoredProgram {
  readonly info: ProgramInfo;
  readonly call: ProgramCall;
  /** Undefined if it has none. */
  readonly args: Value | undefined;
}

/** A program that a run would call. */
export interface FoundProgram extends StoredProgram {
  /** True if it is one of the session, and not a global one. */
  readonly isOwn: boolean;
}

/** A program as it is stored. The arguments are a text, since JSON does not keep big integers. */
export type ProgramBody = z.infer<typeof bodySchema>;

const bodySchema = z.object({
  tool: z.string(),
  pool: z.string().optional(),
  timeoutMs: z.number().optional(),
  stallTimeoutMs: z.number().optional(),
  affinity: z.enum(["hint", "strict_queue", "strict_fail_fast"]).optional(),
  priority: z.number().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  args: z.string().optional(),
  /** True if the arguments have tags, as those of {@link Value}. */
  tagged: z.literal(true).optional(),
});

const OPTIONS = ["pool", "timeoutMs", "stallTimeoutMs", "affinity", "priority"] as const;
const KEYS = ["tool", ...OPTIONS, "args", "metadata"] as const;
/** The key of tags, which no argument can have. */
const TAG = "$snakeden";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The limits on a program. */
export interface ProgramLimits extends Pick<SessionsConfig, "maxProgramBytes"> {
  /** The deepest nesting of arguments. */
  readonly maxDepth: number;
}

/**
 * Checks a program. Returns it as it is stored, with its length as JSON. `others` are the issues of
 * its write, which the error has too.
 *
 * @throws {InvalidInputError} `invalid_input` naming every field that is wrong.
 */
export function checkedBody(
  program: ProgramToPut,
  { maxDepth, maxProgramBytes }: ProgramLimits,
  others: readonly FieldIssue[] = [],
): { readonly body: ProgramBody; readonly bytes: number } {
  if (!isRecord(program)) {
    const message = `given ${shownValue(program)}; allowed: an object`;
    throw refused([...others, { path: "", message }]);
  }
  const issues: FieldIssue[] = [...others, ...callIssues(program)];
  const args = argsOf(program, maxDepth, issues);
  issues.push(...metadataIssues(program));
  if (issues.length > 0) throw refused(issues);
  const { tool, pool, timeoutMs, stallTimeoutMs, affinity, priority, metadata } = program;
  const call = { tool, pool, timeoutMs, stallTimeoutMs, affinity, priority, metadata };
  const body: ProgramBody = {
    ...call,
    ...(args === undefined ? {} : { args: decoder.decode(args.wire.json) }),
    ...(args?.content.tagged ? { tagged: true } : {}),
  };
  const text = JSON.stringify(body);
  const bytes = encoder.encode(text).byteLength;
  if (bytes > maxProgramBytes) {
    const allowed = `${maxProgramBytes} bytes (sessions.maxProgramBytes)`;
    const message = `given ${bytes} bytes of JSON; allowed: ${allowed}`;
    throw refused([{ path: "", message }]);
  }
  // A copy, since it is written later.
  return { body: JSON.parse(text), bytes };
}

function refused(issues: readonly FieldIssue[]): Error {
  return invalidInput("write the program", issues);
}

function callIssues(program: ProgramToPut): FieldIssue[] {
  const issues = unknownKeys(program, KEYS);
  if (program.tool === undefined) {
    issues.push({ path: "tool", message: "missing; allowed: the name of a tool" });
  }
  for (const field of ["tool", ...OPTIONS] as const) {
    const value = program[field];
    if (value === undefined || CALL_FIELDS[field].isValid(value)) continue;
    issues.push(fieldIssue(field, value));
  }
  return issues;
}

/** Returns the arguments, encoded; adds an issue if they cannot be stored. */
function argsOf(
  { args }: ProgramToPut,
  maxDepth: number,
  issues: FieldIssue[],
): Value | undefined {
  if (args === undefined) return undefined;
  const refuse = (message: string): undefined => void issues.push({ path: "args", message });
  if (!(args instanceof Value) && !CALL_FIELDS.args.isValid(args)) {
    issues.push(fieldIssue("args", args));
    return undefined;
  }
  try {
    const value = args instanceof Value ? args : Value.from(args, { maxDepth, name: "args" });
    const { buffers, shared } = value.content;
    if (buffers.length + shared.length > 0) {
      return refuse("given bytes or an array; allowed: values that JSON has, and numbers");
    }
    const decoded = value.decode();
    if (!isRecord(decoded)) return refuse(`allowed: ${CALL_FIELDS.args.allowed}`);
    if (Object.hasOwn(decoded, TAG)) return refuse(`no argument has the name ${TAG}`);
    return value;
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    return refuse(error.message);
  }
}

function metadataIssues({ metadata }: ProgramToPut): FieldIssue[] {
  if (metadata === undefined) return [];
  const json = metadataJson(metadata);
  return "issue" in json ? [json.issue] : [];
}

/**
 * Reads a program of the store.
 *
 * @throws {SnakedenError} `store_failed` if it has a form that this version does not know.
 */
export function storedProgram({ body, ...head }: ProgramRow): StoredProgram {
  const { success, data, error } = bodySchema.safeParse(body);
  if (!success) {
    const list = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new SnakedenError(
      "store_failed",
      `Cannot read the program ${JSON.stringify(head.name)}: ${list.join("; ")}`,
    );
  }
  const { args, tagged = false, ...call } = data;
  return {
    info: infoOf(head),
    call: defined(call) as ProgramCall,
    args: args === undefined ? undefined : new Value({ json: encoder.encode(args), tagged }),
  };
}

/** Returns what a list shows of a program. */
export function infoOf({ name, version, updatedAt, bytes }: ProgramHead): ProgramInfo {
  return { name, version, updatedAt: new Date(updatedAt).toISOString(), bytes };
}

/** Returns a program with copies of its arguments and its metadata. */
export function programOf({ info, call, args }: StoredProgram): Program {
  const decoded = args === undefined ? {} : args.decode() as Program["args"];
  return { ...info, ...structuredClone(call), args: decoded };
}

/** Returns a record without the fields that are undefined. */
export function defined<T extends object>(record: T): Partial<T> {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}
