import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { isRecord } from "../../json/mod.ts";
import type { SubmitOutcome } from "../../jobs/mod.ts";
import { Value } from "../../bridge/mod.ts";
import type { AppContext, AppEnv } from "../http/mod.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";
import { jsonAnswer } from "./job_answer.ts";
import { withIdempotencyKey } from "./job_fields.ts";
import { JOB_REQUEST, jobRequestSchema } from "./job_requests.ts";
import { JOB_CONTENT, type JobJson } from "./job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "./jobs_slice.ts";

/** The header with the answer to a submission. */
const SUBMIT_HEADER = "snakeden-submit";

const headers = z.object({
  location: z.string().openapi({ example: "/v1/jobs/01kbd3v4q8z6m2t9x0y5w7r1sa" }),
  [SUBMIT_HEADER]: z.enum(["created", "existing", "dropped", "replaced"]),
});

const route = createRoute({
  method: "post",
  path: "/v1/jobs",
  operationId: "submitJob",
  tags: ["jobs"],
  summary: "Submit a job",
  description:
    "The job is on disk before the response is sent. The header `idempotency-key` is the same " +
    "as the field `idempotencyKey`.",
  parameters: [{
    name: "idempotency-key",
    in: "header" as const,
    required: false,
    description: "Submissions with the same key and the same body make one job.",
    schema: { type: "string" as const, minLength: 1, maxLength: 512 },
  }],
  request: { body: bodyByReference(JOB_REQUEST) },
  responses: {
    200: {
      description: "There is a job already: that of the idempotency key (`existing`), or of the " +
        "unique key (`dropped`, `replaced`).",
      content: JOB_CONTENT,
      headers,
    },
    201: { description: "The job.", content: JOB_CONTENT, headers },
    ...problemAnswers(400, 404, 408, 409, 413, 415, 500, 503),
  },
});

/** Adds `POST /v1/jobs`. */
export function addSubmit(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, writer }: JobRouteOptions,
): void {
  app.openAPIRegistry.registerComponent("schemas", JOB_REQUEST, jobRequestSchema);
  app.openapi(route, async (c) => {
    using caller = traffic.callers.open(c.req.raw, c.env);
    const input = withIdempotencyKey(
      await traffic.readSubmission(c.req.raw, caller),
      c.req.raw.headers,
    );
    noteCall(c, input);
    using _room = traffic.arguments.hold(weightOf(input));
    const outcome = await jobs.submission(input);
    const piece = await writer.job(outcome.job, caller.signal);
    return outcome.answer === "created"
      ? jsonAnswer<JobJson, 201>(piece, { status: 201, traffic, headers: headersOf(outcome) })
      : jsonAnswer<JobJson, 200>(piece, { status: 200, traffic, headers: headersOf(outcome) });
  });
}

/** Returns the headers of the answer to a submission. */
export function headersOf({ answer, job }: SubmitOutcome): Record<string, string> {
  return { location: `/v1/jobs/${encodeURIComponent(job.id)}`, [SUBMIT_HEADER]: answer };
}

/** Returns the weight of the arguments of a submission. */
export function weightOf(input: unknown): number {
  if (!isRecord(input)) return 0;
  const { args } = input;
  return args instanceof Value ? args.weight : 0;
}

/** Notes the tool for the log of requests. */
function noteCall(c: AppContext, input: unknown): void {
  if (!isRecord(input)) return;
  const { tool, pool } = input;
  if (typeof tool !== "string") return;
  c.set("called", { tool, pool: typeof pool === "string" ? pool : undefined });
}
