import { z } from "zod";
import { group, MAX_DURATION_MS, MAX_TTL_MS, oneOf, text, whole } from "../../config/mod.ts";
import { FORMATS } from "../batches/mod.ts";
import { JOB_LIMITS, type JsonObject } from "../../store/mod.ts";
import { SESSION_ID_PATTERN, SESSION_ID_RULE } from "../../session_id.ts";

/** The latest time that a job can ask for: the last millisecond of the year 9999. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Returns the schema of a text whose length is limited. */
export function bounded(max: number, description: string): z.ZodString {
  return text({ description, allowed: `a text of 1 to ${max} characters, without NUL` })
    .max(max).refine((it) => it.isWellFormed());
}

function key(description: string): z.ZodString {
  return bounded(JOB_LIMITS.keyChars, description);
}

const timeSchema = z.union([z.iso.datetime({ offset: true }), z.date()])
  .transform((it) => new Date(it).getTime())
  .refine((it) => it >= 0 && it <= MAX_TIME);

const metadataSchema = z.record(z.string(), z.unknown()).meta({
  description: "Data about the job: an object of JSON.",
  allowed: `an object of JSON of at most ${JOB_LIMITS.jsonBytes} bytes`,
}).transform((it): JsonObject => it);

const retrySchema = group({
  minMs: whole(0, MAX_DURATION_MS, { description: "Pause after the first attempt." }).optional(),
  maxMs: whole(0, MAX_TTL_MS, { description: "Longest pause." }).optional(),
  factor: z.number().min(1).max(100).meta({
    description: "Each pause is so many times the one before it.",
    allowed: "a number from 1 to 100",
  }).optional(),
  jitter: z.number().min(0).max(1).meta({
    description: "Part of each pause that is random.",
    allowed: "a number from 0 to 1",
  }).optional(),
  never: z.array(bounded(JOB_LIMITS.nameChars, "An error code, or a Python class.")).max(64).meta({
    description: "Error codes and Python exception classes after which no attempt follows.",
    allowed: "a list of at most 64 texts",
  }).optional(),
}, "Pauses between the attempts; default `jobs.retry`.");

/** The options of every kind of job. */
export const optionsShape = {
  id: text({
    description: "Id of the job. Default: a new one. The same submission makes no second job.",
    allowed: `${SESSION_ID_RULE}, and neither . nor ..`,
  }).regex(new RegExp(SESSION_ID_PATTERN)).refine((it) => it !== "." && it !== "..").optional(),
  queue: bounded(JOB_LIMITS.nameChars, "Queue of the job; default `default`.").optional(),
  priority: whole(-JOB_LIMITS.priority, JOB_LIMITS.priority, {
    description: "Higher goes first; default 0.",
  }).optional(),
  delayMs: whole(0, MAX_TTL_MS, {
    description: "Time to wait before the first start.",
  }).optional(),
  runAt: timeSchema.meta({
    description: "Time of the first start, instead of `delayMs`.",
    allowed: "a time that is not past, in ISO 8601 with an offset, such as " +
      "2030-01-31T08:00:00Z, up to the year 9999",
  }).optional(),
  maxAttempts: whole(1, JOB_LIMITS.attempts, {
    description: "Attempts, the first one included; default `jobs.maxAttempts`.",
  }).optional(),
  retry: retrySchema.optional(),
  timeoutMs: whole(1, MAX_DURATION_MS, {
    description: "Longest time of an attempt; default `jobs.timeoutMs`.",
  }).optional(),
  stallTimeoutMs: whole(0, MAX_DURATION_MS, {
    description: "Longest silence of an attempt; 0 for no limit; default that of the tool.",
  }).optional(),
  ttlMs: whole(1, MAX_TTL_MS, {
    description: "Time within which the job must begin, or it is discarded.",
  }).optional(),
  idempotencyKey: key("A submission with the same key and the same body makes no second job.")
    .optional(),
  unique: group({
    key: key("Jobs with the same key give way to each other."),
    mode: oneOf(["drop", "replace", "debounce"], {
      description: "What becomes of a new job while there is another one; default `drop`.",
    }).optional(),
  }, "Keeps the job the only one of its key.").optional(),
  concurrency: group({
    key: key("Jobs with the same key share the limit."),
    limit: whole(1, JOB_LIMITS.limit, {
      description: "Jobs with the key that run at once; default 1.",
    }).optional(),
  }, "A limit on jobs that run at once.").optional(),
  rateLimit: group({
    key: key("Jobs with the same key share the limit."),
    limit: whole(1, JOB_LIMITS.limit, { description: "Jobs that may start in a period." }),
    periodMs: whole(1, MAX_DURATION_MS, { description: "The period." }),
  }, "A limit on jobs that start in a period.").optional(),
  tags: z.array(bounded(JOB_LIMITS.nameChars, "A tag.")).max(JOB_LIMITS.tags).meta({
    description: "Tags by which jobs are listed.",
    allowed: `a list of at most ${JOB_LIMITS.tags} texts`,
  }).optional(),
  metadata: metadataSchema.optional(),
  retention: group({
    completedMs: whole(0, MAX_TTL_MS, { description: "If it is completed." }).optional(),
    cancelledMs: whole(0, MAX_TTL_MS, { description: "If it is cancelled." }).optional(),
    discardedMs: whole(0, MAX_TTL_MS, { description: "If it is discarded." }).optional(),
  }, "Time for which the job is kept after its end; default `jobs.retention`.").optional(),
};

function argsSchema(description: string): z.ZodRecord<z.ZodString, z.ZodUnknown> {
  return z.record(z.string(), z.unknown()).meta({
    description,
    allowed: "an object of arguments by name",
  });
}

/** A job of kind `call`, as it is submitted. */
export const callJobSchema = group({
  kind: oneOf(["call"], { description: "The kind of the job; default `call`." }).optional(),
  tool: bounded(JOB_LIMITS.nameChars, "Name of the tool."),
  args: argsSchema("Arguments by name; default none.").optional(),
  pool: bounded(JOB_LIMITS.nameChars, "Pool to ask; default the one that has the tool.")
    .optional(),
  sessionId: text({
    description: "Session of the call.",
    allowed: SESSION_ID_RULE,
  }).regex(new RegExp(SESSION_ID_PATTERN)).optional(),
  affinity: oneOf(["hint", "strict_queue", "strict_fail_fast"], {
    description: "How the call keeps to the worker of its session; default that of the pool.",
  }).optional(),
  ...optionsShape,
}, "A call of a tool, as a job.");

/** A job of kind `batch`, as it is submitted. */
export const batchJobSchema = group({
  kind: oneOf(["batch"], { description: "The kind of the job." }),
  tool: bounded(JOB_LIMITS.nameChars, "Name of the tool, which runs once for each item."),
  inputs: z.array(z.unknown()).meta({
    description: "The items: objects of arguments, or any values with `input`.",
    allowed: "a list",
  }).optional(),
  inputsFile: bounded(JOB_LIMITS.nameChars, "Id of a file with the items, instead of `inputs`.")
    .optional(),
  format: oneOf(FORMATS, {
    description: "Form of the file: a line of JSON an item, a line of text, or a row of a table " +
      "with a header; default `ndjson`.",
  }).optional(),
  input: bounded(JOB_LIMITS.nameChars, "Parameter that gets the item.").optional(),
  args: argsSchema("Arguments of every item; those of the item itself go first.").optional(),
  pool: bounded(JOB_LIMITS.nameChars, "Pool to ask; default the one that has the tool.")
    .optional(),
  items: group({
    maxAttempts: whole(1, JOB_LIMITS.attempts, {
      description: "Attempts of an item, the first one included; default 1.",
    }).optional(),
    retry: retrySchema.optional(),
  }, "Attempts of each item.").optional(),
  window: whole(1, 10_000, {
    description: "Most parts with workers at once; default the size of the pool.",
  }).optional(),
  resultFile: z.boolean().meta({
    description: "Keeps the result as a file too, for the arguments of other jobs.",
    allowed: "true or false",
  }).optional(),
  ...optionsShape,
}, "A tool for many items, as a job. `timeoutMs` is that of each item.");

/** A batch that was checked. */
export type CheckedBatch = z.output<typeof batchJobSchema>;

/** A call that was checked. */
export type CheckedCall = z.output<typeof callJobSchema>;
