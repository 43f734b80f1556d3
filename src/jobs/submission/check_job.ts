import { describeIssues, shownValue } from "../../config/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { suggestion } from "../../near_names.ts";
import { Value } from "../../bridge/mod.ts";
import type { CheckedJob } from "./checked_job.ts";
import { batchJobSchema, callJobSchema, type CheckedBatch } from "./job_schema.ts";
import { commandJobSchema, scriptJobSchema } from "./program_schema.ts";
import { metadataIssue } from "./metadata_issue.ts";
import { plainJob } from "./plain_job.ts";

/**
 * The time by which a `runAt` may lie in the past: the clocks of two machines differ, and requests
 * take their time.
 */
const PAST_MS = 60_000;

/** Facts about the host that the check of a submission needs. */
export interface CheckDeps {
  /** The names of the kinds and queues that there are. */
  readonly kinds: readonly string[];
  readonly queues: readonly string[];
  /** The time of the system, in milliseconds since 1970. */
  readonly now: number;
}

/** Returns a submission as it was checked, or what is wrong with it. */
export function checkJob(input: unknown, deps: CheckDeps): CheckedJob | FieldIssue[] {
  if (!isRecord(input)) {
    return [{ path: "", message: `given ${shownValue(input)}; allowed: an object` }];
  }
  const { kind = "call" } = input;
  if (typeof kind === "string" && !deps.kinds.includes(kind)) {
    return [{
      path: "kind",
      message: `given ${shownValue(kind)}; ${suggestion(kind, deps.kinds)}`,
    }];
  }
  const job = plainJob(input);
  if (job !== undefined && queueIssues(input, deps).length === 0) return job;
  const { args } = input;
  const schema = SCHEMAS[String(kind)] ?? callJobSchema;
  const parsed = schema.safeParse(args instanceof Value ? withoutValues(input, args) : input);
  const issues = parsed.success
    ? crossIssues(parsed.data, deps)
    : describeIssues(parsed.error.issues, { schema, input });
  issues.push(...queueIssues(input, deps));
  if (issues.length > 0 || parsed.data === undefined) return issues;
  return args instanceof Value ? { ...parsed.data, args: args as never } : parsed.data;
}

/** The schemas of kinds other than `call`. */
const SCHEMAS: Readonly<
  Record<string, typeof batchJobSchema | typeof scriptJobSchema | typeof commandJobSchema>
> = { batch: batchJobSchema, script: scriptJobSchema, command: commandJobSchema };

/**
 * Returns a submission with encoded arguments, as a schema can check it. Those of a batch have its
 * inputs too.
 */
function withoutValues(input: Readonly<Record<string, unknown>>, args: Value): object {
  const hasInputs = input["kind"] === "batch" && args.text.startsWith(INPUTS);
  return { ...input, args: {}, ...(hasInputs ? { inputs: [] } : {}) };
}

/** The beginning of the encoded arguments of a batch with inline inputs. */
const INPUTS = '{"inputs":';

/** Returns the issue of a queue that does not exist, also beside fields that are wrong. */
function queueIssues(
  { queue }: Readonly<Record<string, unknown>>,
  { queues }: CheckDeps,
): FieldIssue[] {
  if (typeof queue !== "string" || queue === "" || queues.includes(queue)) return [];
  const message = `there is no queue ${shownValue(queue)}; ${suggestion(queue, queues)}`;
  return [{ path: "queue", message }];
}

/** Returns the issues of fields that depend on each other, or on the time. */
function crossIssues(job: CheckedJob, { now }: CheckDeps): FieldIssue[] {
  const issues: FieldIssue[] = [];
  const { id, runAt, delayMs, ttlMs, idempotencyKey } = job;
  if (job.kind === "batch") issues.push(...batchIssues(job));
  const unkept = job.metadata === undefined ? undefined : metadataIssue(job.metadata);
  if (unkept !== undefined) issues.push(unkept);
  if (runAt !== undefined && delayMs !== undefined) {
    issues.push({ path: "delayMs", message: "given beside runAt; allowed: one of the two" });
  }
  if (id !== undefined && idempotencyKey !== undefined) {
    const message = "given beside id, which does the same; allowed: one of the two";
    issues.push({ path: "idempotencyKey", message });
  }
  // A submission that is repeated later is answered with the first job, so it may be late.
  const isRepeatable = id !== undefined || idempotencyKey !== undefined;
  if (runAt !== undefined && runAt < now - PAST_MS && !isRepeatable) {
    const given = new Date(runAt).toISOString();
    const message = `given ${given}, which is past; allowed: a time from now on`;
    issues.push({ path: "runAt", message });
  }
  const startInMs = delayMs ?? (runAt === undefined ? 0 : runAt - now);
  if (ttlMs !== undefined && ttlMs <= startInMs) {
    const message =
      `given ${ttlMs}, but the job may start after ${Math.ceil(startInMs)} ms only; ` +
      "allowed: more than that, or no ttlMs";
    issues.push({ path: "ttlMs", message });
  }
  if (job.kind !== undefined && job.kind !== "call") return issues;
  const { affinity, sessionId } = job;
  if (sessionId === undefined && affinity !== undefined && affinity !== "hint") {
    const message = `given ${shownValue(affinity)} without a sessionId; ` +
      "allowed: with a sessionId only";
    issues.push({ path: "affinity", message });
  }
  return issues;
}

/** Returns the issues of the items of a batch. */
function batchIssues({ inputs, inputsFile, format, input }: CheckedBatch): FieldIssue[] {
  if (inputs === undefined && inputsFile === undefined) {
    return [{ path: "inputs", message: "missing; allowed: a list, or a file as inputsFile" }];
  }
  if (inputs !== undefined && inputsFile !== undefined) {
    return [{ path: "inputsFile", message: "given beside inputs; allowed: one of the two" }];
  }
  if (inputs !== undefined && format !== undefined) {
    const message = "given without inputsFile; allowed: for a file only";
    return [{ path: "format", message }];
  }
  if (format === "lines" && input === undefined) {
    const message = "missing; allowed: the parameter that gets a line of text";
    return [{ path: "input", message }];
  }
  const wrong = input === undefined ? inputs?.findIndex((it) => !isRecord(it)) ?? -1 : -1;
  if (wrong < 0) return [];
  const message = `given ${shownValue(inputs?.[wrong])}; allowed: an object of arguments, or ` +
    "any value with the name of its parameter as input";
  return [{ path: `inputs[${wrong}]`, message }];
}

/** The error for a submission that is wrong in these fields. */
export function invalidJob(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot submit the job: ${list.join("; ")}`, issues);
}

/** The number of wrong items that the text of an error names. */
const SHOWN_ISSUES = 5;

/** The error for a batch in which these items are wrong; `issues` have paths as `[3].tool`. */
export function invalidBatch(
  issues: readonly FieldIssue[],
  { wrong, total }: { readonly wrong: number; readonly total: number },
): InvalidInputError {
  const shown = issues.slice(0, SHOWN_ISSUES).map(({ path, message }) => `${path}: ${message}`);
  const more = issues.length - shown.length;
  const rest = more > 0 ? `; and ${more} more` : "";
  const verb = wrong === 1 ? "is" : "are";
  return new InvalidInputError(
    `Cannot submit the batch: ${wrong} of ${total} jobs ${verb} wrong, and none was submitted: ` +
      `${shown.join("; ")}${rest}`,
    issues,
  );
}
