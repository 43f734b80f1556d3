import {
  batchJobSchema,
  callJobSchema,
  commandJobSchema,
  scriptJobSchema,
} from "../../jobs/mod.ts";
import { JOB_STATES } from "../../store/mod.ts";
import type { JsonSchema } from "../../calls/mod.ts";
import { z } from "zod";

/** The component of the OpenAPI document with the body of a submission. */
export const JOB_REQUEST = "JobRequest";

/** The body of a submission. The host checks its fields by the same schema. */
export const jobRequestSchema: JsonSchema = {
  anyOf: [callJobSchema, batchJobSchema, scriptJobSchema, commandJobSchema].map(bodySchema),
};

function bodySchema(schema: z.ZodType): JsonSchema {
  return withoutDialect(z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    target: "draft-2020-12",
    override: ({ zodSchema, jsonSchema }) => {
      delete jsonSchema["allowed"];
      delete jsonSchema["defaultText"];
      if (
        zodSchema instanceof z.ZodUnion && zodSchema.options.some((it) => it instanceof z.ZodDate)
      ) {
        // A program may give a `Date`, a request only a text.
        delete jsonSchema.anyOf;
        Object.assign(jsonSchema, { type: "string", format: "date-time" });
      }
    },
  }));
}

/** The component of the OpenAPI document with the body of a batch. */
export const BATCH_REQUEST = "JobBatchRequest";

/** The body of a batch. */
export const batchRequestSchema: JsonSchema = {
  type: "array",
  maxItems: 1_000,
  items: { $ref: `#/components/schemas/${JOB_REQUEST}` },
};

/** The component of the OpenAPI document with the body of a cancellation. */
export const CANCEL_REQUEST = "CancelJobRequest";

const reason = {
  type: "string",
  maxLength: 1_000,
  description: "The reason, for people.",
};

/** The body of a cancellation. */
export const cancelRequestSchema: JsonSchema = {
  type: "object",
  properties: { reason },
  additionalProperties: false,
};

/** The component of the OpenAPI document with the body that chooses jobs. */
export const CHOICE_REQUEST = "JobChoice";

const texts = {
  oneOf: [
    { type: "string", minLength: 1, maxLength: 256 },
    { type: "array", maxItems: 64, items: { type: "string", minLength: 1, maxLength: 256 } },
  ],
};
const states = { type: "string", enum: [...JOB_STATES] };
const time = { type: "string", format: "date-time" };

const CHOICE = {
  state: { oneOf: [states, { type: "array", maxItems: 64, items: states }] },
  queue: texts,
  kind: texts,
  tool: texts,
  tag: { ...texts, description: "The jobs have all of these." },
  q: {
    type: "string",
    minLength: 1,
    maxLength: 200,
    description:
      "Words to search for; a job must match all: the beginning of its id or of a tag, a " +
      "part of the name of its tool, or the beginning of a word of its error.",
  },
  createdFrom: { ...time, description: "Submitted at this time or later." },
  createdBefore: { ...time, description: "Submitted before this time." },
} as const;

/** The fields of the body that chooses jobs. */
export const CHOICE_FIELDS: readonly string[] = Object.keys(CHOICE);

/** The body that chooses jobs; of several values of a field, any matches. */
export const choiceRequestSchema: JsonSchema = {
  type: "object",
  properties: CHOICE,
  additionalProperties: false,
  minProperties: 1,
};

/** The component of the OpenAPI document with the body that cancels jobs. */
export const CANCEL_MANY_REQUEST = "CancelJobsRequest";

/** The body that cancels jobs: a choice, and the reason. */
export const cancelManyRequestSchema: JsonSchema = {
  ...choiceRequestSchema,
  properties: { ...CHOICE, reason },
};

/** The component of the OpenAPI document with the body that changes a queue. */
export const QUEUE_REQUEST = "QueueRequest";

/** The body that changes a queue. */
export const queueRequestSchema: JsonSchema = {
  type: "object",
  properties: {
    paused: { type: "boolean", description: "True to start none of its jobs." },
    draining: {
      type: "boolean",
      description: "True to accept no more jobs, and run those that it has.",
    },
    concurrency: {
      oneOf: [{ type: "integer", minimum: 1, maximum: 1_000_000 }, { type: "null" }],
      description: "Most jobs that run at once; null for what the configuration says.",
    },
  },
  additionalProperties: false,
};

function withoutDialect({ $schema: _, ...schema }: JsonSchema): JsonSchema {
  return schema;
}
