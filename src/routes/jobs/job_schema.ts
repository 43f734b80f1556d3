import { z } from "@hono/zod-openapi";
import type { Job, JobAttempt, JobItems, ManyOutcome, Queue, WaitingFor } from "../../jobs/mod.ts";
import { SESSION_ID_PATTERN } from "../../session_id.ts";
import { JOB_STATES, type JobError, type JobExit, type JobState } from "../../store/mod.ts";
import { schemaOf } from "../schema/mod.ts";

const count = z.number().int().nonnegative();
const time = z.iso.datetime();

/** The parameter that names a job. */
export const JOB_PARAM = z.object({
  id: z.string().openapi({ pattern: SESSION_ID_PATTERN, example: "01kbd3v4q8z6m2t9x0y5w7r1sa" }),
});

const stateSchema = schemaOf<JobState>()(z.enum(JOB_STATES).openapi("JobState"));

const errorSchema = schemaOf<JobError>()(
  z.object({
    code: z.string().openapi({ example: "python_exception" }),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }).openapi("JobError"),
);

const exitSchema = schemaOf<JobExit>()(
  z.object({ code: z.number().int().optional(), signal: z.string().optional() }),
);

const attemptSchema = schemaOf<JobAttempt>()(
  z.object({
    attempt: count,
    outcome: z.enum(["completed", "failed", "cancelled", "returned", "lost"]).openapi({
      description:
        "`lost`: its host died, or could not extend the lease. `returned`: its host gave " +
        "it back, which costs no attempt.",
    }),
    startedAt: time,
    finishedAt: time,
    durationMs: z.number(),
    worker: z.string().optional(),
    error: errorSchema.optional(),
    exit: exitSchema.optional(),
  }).openapi("JobAttempt"),
);

const detail = z.string().openapi({ description: "The reason in words." });

const waitingSchema = schemaOf<WaitingFor>()(
  z.union([
    z.object({ detail, reason: z.literal("time"), until: time }),
    z.object({ detail, reason: z.literal("paused"), queue: z.string() }),
    z.object({
      detail,
      reason: z.literal("limit"),
      limit: z.enum(["queue concurrency", "queue rate", "concurrency key", "rate key"]),
      key: z.string().optional(),
      until: time.optional(),
    }),
    z.object({
      detail,
      reason: z.literal("pool"),
      pool: z.string(),
      state: z.string().optional(),
    }),
    z.object({ detail, reason: z.literal("position"), ahead: count }),
  ]).openapi("JobWaitingFor"),
);

const itemsSchema = schemaOf<JobItems>()(
  z.object({
    done: count.openapi({ description: "Items that have ended, the failed ones included." }),
    failed: count.openapi({ description: "Items that have failed for good." }),
    total: count.optional().openapi({ description: "All items; absent while it is not known." }),
  }).openapi("JobItems"),
);

/** A job, in a response. */
export const jobSchema = schemaOf<Job>()(
  z.object({
    id: z.string().openapi({ example: "01kbd3v4q8z6m2t9x0y5w7r1sa" }),
    kind: z.string().openapi({ example: "call" }),
    queue: z.string().openapi({ example: "default" }),
    state: stateSchema,
    done: z.boolean().openapi({ description: "True if it is completed, cancelled or discarded." }),
    priority: z.number().int(),
    tool: z.string().optional().openapi({ example: "add" }),
    script: z.string().optional().openapi({ example: "report.py" }),
    command: z.string().optional(),
    sessionId: z.string().optional(),
    parentId: z.string().optional().openapi({
      description: "Id of the job that has submitted it with its token.",
    }),
    pool: z.string().optional().openapi({ example: "default" }),
    tags: z.array(z.string()).readonly(),
    metadata: z.record(z.string(), z.unknown()),
    attempt: count.openapi({ description: "Attempts so far." }),
    maxAttempts: count,
    createdAt: time,
    runAt: time.optional().openapi({ description: "Next start of a job that waits for its time." }),
    startedAt: time.optional().openapi({ description: "Last start." }),
    finishedAt: time.optional(),
    startBy: time.optional().openapi({ description: "Time by which it must begin." }),
    worker: z.string().optional().openapi({ description: "Worker that runs it." }),
    progress: z.unknown().optional().openapi({ description: "The last report of progress." }),
    waitingFor: waitingSchema.optional().openapi({
      description: "Reason why a waiting job does not run; absent in lists.",
    }),
    cancelling: z.boolean().optional().openapi({
      description: "True if its cancellation was requested, and it still runs.",
    }),
    cancelReason: z.string().optional(),
    items: itemsSchema.optional().openapi({ description: "Items of a batch that has begun." }),
    resultFile: z.string().optional().openapi({
      description: "Id of the file with the result of a batch, if that was asked for.",
    }),
    result: z.unknown().optional().openapi({
      description: "Result of a completed job; absent in lists, and if it is long.",
    }),
    resultUrl: z.string().optional().openapi({ description: "Path of a long result." }),
    resultBytes: count.optional().openapi({ description: "Length of the result, in bytes." }),
    error: errorSchema.optional(),
    attempts: z.array(attemptSchema).readonly().optional()
      .openapi({ description: "Past attempts; absent in lists." }),
  }).openapi("Job"),
);

/** The JSON of a job. */
export type JobJson = z.infer<typeof jobSchema>;

/** A job as a route answers it. */
export const JOB_CONTENT = { "application/json": { schema: jobSchema } } as const;

/** A page of jobs, in a response. */
export const jobListSchema = z.object({
  jobs: z.array(jobSchema),
  cursor: z.string().optional()
    .openapi({ description: "Asks for the next page; absent on the last one." }),
});

/** The answer of a cancellation or a retry by a choice. */
export const manySchema = schemaOf<ManyOutcome>()(
  z.object({ count: count.openapi({ description: "Number of jobs that were changed." }) }),
);

/** The answer for one job of a batch. */
export const batchItemSchema = z.object({
  id: z.string().openapi({
    description: "The job that stands for this submission. For `conflict`, the job of the other " +
      "submission with the same idempotency key.",
  }),
  answer: z.enum(["created", "existing", "conflict", "dropped", "replaced"]),
}).openapi("SubmittedJob");

/** The answer to a batch that is an array. */
export const batchSchema = z.object({ jobs: z.array(batchItemSchema) });

/** A queue, in a response. */
export const queueSchema = schemaOf<Queue>()(
  z.object({
    name: z.string().openapi({ example: "default" }),
    paused: z.boolean(),
    draining: z.boolean().openapi({ description: "True if it takes no further job." }),
    concurrency: count.optional().openapi({ description: "Most jobs that run at once." }),
    rateLimit: z.object({ limit: count, periodMs: count }).optional(),
    fairBy: z.string().optional().openapi({
      description: "Path of the metadata value by which jobs take turns.",
      example: "metadata.tenant",
    }),
    left: count.openapi({ description: "Number of its jobs that have not ended." }),
    counts: z.object({
      available: count,
      scheduled: count,
      running: count,
      retryable: count,
      completed: count,
      cancelled: count,
      discarded: count,
    }).openapi({ description: "Its jobs by state." }),
  }).openapi("Queue"),
);
