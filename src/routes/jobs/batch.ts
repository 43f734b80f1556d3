import { createRoute, type OpenAPIHono, type z } from "@hono/zod-openapi";
import { type AppEnv, isNdjson, problemOf, type Shown } from "../http/mod.ts";
import { bodyByReference, type EncodedJson, encodedJson, problemAnswers } from "../schema/mod.ts";
import { answerText, BatchLines } from "./batch_lines.ts";
import { refuseIdempotencyKey } from "./job_fields.ts";
import { BATCH_REQUEST, batchRequestSchema, JOB_REQUEST } from "./job_requests.ts";
import { batchItemSchema, batchSchema } from "./job_schema.ts";
import { type JobRouteOptions, type JobsSlice, parentIn } from "./jobs_slice.ts";
import { weightOf } from "./submit.ts";

/** The type of jobs as lines. */
export const NDJSON = "application/x-ndjson";

/** The component of the OpenAPI document with a line of the answer. */
const SUBMITTED_JOB = "SubmittedJob";

const BATCH_LINE: object = {
  oneOf: [
    { $ref: `#/components/schemas/${SUBMITTED_JOB}` },
    {
      type: "object",
      required: ["problem", "submitted"],
      properties: {
        problem: { $ref: "#/components/schemas/Problem" },
        submitted: { type: "integer", description: "Jobs that were submitted before." },
      },
    },
  ],
};

/** Lines, under a name that the types of a response do not take for JSON. */
const LINES: object = { [NDJSON]: { schema: BATCH_LINE } };

const route = createRoute({
  method: "post",
  path: "/v1/jobs/batch",
  operationId: "submitJobs",
  tags: ["jobs"],
  summary: "Submit many jobs",
  description: "A list of at most 1,000 jobs is submitted all or none. Lines of JSON " +
    "(`application/x-ndjson`) can be any number: they are submitted in parts of 1,000 while they " +
    "arrive, each all or none, and answered by lines. If a part is refused, the last line is the " +
    "problem with the number of jobs before it, and no further line is read.",
  request: {
    body: bodyByReference(BATCH_REQUEST, {
      others: {
        [NDJSON]: {
          schema: { $ref: `#/components/schemas/${JOB_REQUEST}`, description: "One job a line." },
        },
      },
    }),
  },
  responses: {
    200: {
      description: "The answers, in the order of the jobs.",
      content: {
        "application/json": { schema: batchSchema },
        ...LINES,
      },
    },
    ...problemAnswers(400, 404, 408, 413, 415, 500, 503),
  },
});

/** Adds `POST /v1/jobs/batch`. */
export function addJobBatch(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, shown }: JobRouteOptions & { readonly shown: Shown },
): void {
  app.openAPIRegistry.registerComponent("schemas", BATCH_REQUEST, batchRequestSchema);
  app.openAPIRegistry.register(SUBMITTED_JOB, batchItemSchema);
  app.openapi(route, async (c) => {
    const request = c.req.raw;
    refuseIdempotencyKey(request.headers);
    const parent = parentIn(c, jobs);
    if (isNdjson(request.headers)) {
      const requestId = c.get("requestId");
      const lines = new BatchLines(traffic.submissionLines(request), {
        jobs,
        parent,
        traffic,
        problemOf: (error) => problemOf(error, requestId, shown),
      });
      await lines.begin();
      const answer = new Response(new ReadableStream(lines, { highWaterMark: 0 }), {
        headers: { "content-type": NDJSON, "cache-control": "no-store" },
      });
      // Its lines are no JSON, so it fits the JSON that its route describes beside it.
      return answer as EncodedJson<never>;
    }
    using caller = traffic.callers.open(request, c.env);
    const inputs = await traffic.readBatch(request, caller);
    using _room = traffic.arguments.hold(inputs.reduce<number>((sum, it) => sum + weightOf(it), 0));
    const answers = await jobs.submitAll(inputs, { parent });
    const text = answers.map(answerText).join(",");
    return encodedJson<z.infer<typeof batchSchema>>(`{"jobs":[${text}]}`);
  });
}
