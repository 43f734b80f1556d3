import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { isRecord } from "../../json/mod.ts";
import type { SubmitOutcome } from "../../jobs/mod.ts";
import { LineList, Value } from "../../bridge/mod.ts";
import { type AppContext, type AppEnv, type Caller, prefersEvents } from "../http/mod.ts";
import { bodyByReference, type EncodedJson, problemAnswers } from "../schema/mod.ts";
import { EVENTS_CONTENT, type JobEventStreams, POSITION_HEADER, positionOf } from "./follow/mod.ts";
import { jsonAnswer } from "./job_answer.ts";
import { withId, withIdempotencyKey } from "./job_fields.ts";
import { JOB_REQUEST, jobRequestSchema } from "./job_requests.ts";
import { JOB_CONTENT, JOB_PARAM, type JobJson } from "./job_schema.ts";
import { type JobRouteOptions, type JobsSlice, parentIn } from "./jobs_slice.ts";

/** The header with the answer to a submission. */
const SUBMIT_HEADER = "snakeden-submit";

const headers = z.object({
  location: z.string().openapi({ example: "/v1/jobs/01kbd3v4q8z6m2t9x0y5w7r1sa" }),
  [SUBMIT_HEADER]: z.enum(["created", "existing", "dropped", "replaced"]),
});

const responses = {
  200: {
    description: "There is a job already: that of the id or the idempotency key (`existing`), or " +
      "of the unique key (`dropped`, `replaced`). For a client that prefers `text/event-stream`, " +
      "its events until it ends.",
    content: { ...JOB_CONTENT, ...EVENTS_CONTENT },
    headers,
  },
  201: {
    description: "The job, or its events.",
    content: { ...JOB_CONTENT, ...EVENTS_CONTENT },
    headers,
  },
  204: { description: "The client has seen the end of the job." },
  ...problemAnswers(400, 404, 408, 409, 413, 415, 500, 503, 508),
};

const submitRoute = createRoute({
  method: "post",
  path: "/v1/jobs",
  operationId: "submitJob",
  tags: ["jobs"],
  summary: "Submit a job",
  description:
    "The job is on disk before the response is sent. The header `idempotency-key` is the same " +
    "as the field `idempotencyKey`. A client whose `accept` prefers `text/event-stream` gets the " +
    "events of the job, as of `GET /v1/jobs/{id}/events`.",
  parameters: [{
    name: "idempotency-key",
    in: "header" as const,
    required: false,
    description: "Submissions with the same key and the same body make one job.",
    schema: { type: "string" as const, minLength: 1, maxLength: 512 },
  }, POSITION_HEADER],
  request: { body: bodyByReference(JOB_REQUEST) },
  responses,
});

const putRoute = createRoute({
  method: "put",
  path: "/v1/jobs/{id}",
  operationId: "putJob",
  tags: ["jobs"],
  summary: "Submit a job with an id",
  description: "The same request makes one job while that is kept, also if it has ended. Another " +
    "body for the id is the problem `idempotency_conflict`. A client whose `accept` prefers " +
    "`text/event-stream` gets the events of the job, behind `last-event-id`.",
  parameters: [POSITION_HEADER],
  request: { params: JOB_PARAM, body: bodyByReference(JOB_REQUEST) },
  responses,
});

/** Adds `POST /v1/jobs` and `PUT /v1/jobs/:id`. */
export function addSubmit(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, writer, events }: JobRouteOptions & { readonly events: JobEventStreams },
): void {
  app.openAPIRegistry.registerComponent("schemas", JOB_REQUEST, jobRequestSchema);
  const answer = async (
    c: AppContext,
    { input, caller }: { readonly input: unknown; readonly caller: Caller },
  ): Promise<EncodedJson<JobJson, 201>> => {
    noteCall(c, input);
    const follows = prefersEvents(c.req.header("accept"));
    const position = positionOf(c.req.header("last-event-id"));
    using _room = traffic.arguments.hold(weightOf(input));
    const outcome = await jobs.submission(input, { parent: parentIn(c, jobs) });
    const { answer, job } = outcome;
    const status = answer === "created" ? 201 : 200;
    const headers = headersOf(outcome);
    if (follows) {
      // A position that a client has seen is not one of a job that was just made.
      const after = answer === "created" ? 0 : position;
      const stream = await events.answer(job.id, c.req.raw, { after, status, headers });
      // Its type is that of the JSON that its route describes beside it.
      return (stream ?? c.body(null, 204)) as EncodedJson<never, 201>;
    }
    const piece = await writer.job(job, caller.signal);
    return jsonAnswer<JobJson, 201>(piece, { status: status as 201, traffic, headers });
  };
  app.openapi(submitRoute, async (c) => {
    using caller = traffic.callers.open(c.req.raw, c.env);
    const read = await traffic.readSubmission(c.req.raw, caller);
    return await answer(c, { input: withIdempotencyKey(read, c.req.raw.headers), caller });
  });
  app.openapi(putRoute, async (c) => {
    const { id } = c.req.valid("param");
    using caller = traffic.callers.open(c.req.raw, c.env);
    const read = withId(await traffic.readSubmission(c.req.raw, caller), id);
    return await answer(c, { input: withIdempotencyKey(read, c.req.raw.headers), caller });
  });
}

/** Returns the headers of the answer to a submission. */
export function headersOf({ answer, job }: SubmitOutcome): Record<string, string> {
  return { location: `/v1/jobs/${encodeURIComponent(job.id)}`, [SUBMIT_HEADER]: answer };
}

/** Returns the weight of the arguments and the items of a submission. */
export function weightOf(input: unknown): number {
  if (!isRecord(input)) return 0;
  const { args, inputs } = input;
  const lines = inputs instanceof LineList ? inputs.byteLength : 0;
  return lines + (args instanceof Value ? args.weight : 0);
}

/** Notes the tool for the log of requests. */
function noteCall(c: AppContext, input: unknown): void {
  if (!isRecord(input)) return;
  const { tool, pool } = input;
  if (typeof tool !== "string") return;
  c.set("called", { tool, pool: typeof pool === "string" ? pool : undefined });
}
