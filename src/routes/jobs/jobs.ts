import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { TurnBudget } from "../../async/mod.ts";
import type { JobPage } from "../../jobs/mod.ts";
import type { AppContext, AppEnv } from "../http/mod.ts";
import {
  bodyByReference,
  encodedJson,
  invalidBody,
  onceEach,
  problemAnswers,
} from "../schema/mod.ts";
import { readFields } from "../sessions/mod.ts";
import { jsonAnswer } from "./job_answer.ts";
import { checkedId, MAX_WAIT_S, waitMsOf } from "./job_fields.ts";
import { JOBS_PAGE_QUERY, LIST_PARAMETERS, listQueryOf } from "./job_query.ts";
import {
  CANCEL_MANY_REQUEST,
  CANCEL_REQUEST,
  cancelManyRequestSchema,
  cancelRequestSchema,
  CHOICE_FIELDS,
  CHOICE_REQUEST,
  choiceRequestSchema,
} from "./job_requests.ts";
import { JOB_CONTENT, JOB_PARAM, type JobJson, jobListSchema, manySchema } from "./job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "./jobs_slice.ts";

const tags = ["jobs"];
const REASON = {
  name: "reason",
  in: "query" as const,
  required: false,
  description: "The reason, for people, unless the body has it.",
  schema: { type: "string" as const, maxLength: 1_000 },
};

const listRoute = createRoute({
  method: "get",
  path: "/v1/jobs",
  operationId: "listJobs",
  tags,
  summary: "List the jobs",
  description: "Newest first. All fields of the query must match.",
  parameters: LIST_PARAMETERS,
  request: { query: JOBS_PAGE_QUERY },
  responses: {
    200: {
      description: "A page of jobs.",
      content: { "application/json": { schema: jobListSchema } },
    },
    ...problemAnswers(400, 500, 503),
  },
});

const getRoute = createRoute({
  method: "get",
  path: "/v1/jobs/{id}",
  operationId: "getJob",
  tags,
  summary: "Show a job",
  description: "With `wait`, the response is sent when the job has ended, or after that time.",
  parameters: [{
    name: "wait",
    in: "query" as const,
    required: false,
    description: "The longest time to wait for the end, in seconds.",
    schema: { type: "number" as const, minimum: 0, maximum: MAX_WAIT_S },
  }],
  request: { params: JOB_PARAM },
  responses: {
    200: { description: "The job.", content: JOB_CONTENT },
    ...problemAnswers(400, 404, 500, 503),
  },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/v1/jobs/{id}/cancel",
  operationId: "cancelJob",
  tags,
  summary: "Cancel a job",
  description: "A waiting job is cancelled at once; a running one is stopped, and `cancelling` " +
    "until then. A job that has ended stays as it is.",
  parameters: [REASON],
  request: {
    params: JOB_PARAM,
    body: bodyByReference(CANCEL_REQUEST, { required: false }),
  },
  responses: {
    200: { description: "The job as it is now.", content: JOB_CONTENT },
    ...problemAnswers(400, 404, 408, 413, 415, 500, 503),
  },
});

const retryRoute = createRoute({
  method: "post",
  path: "/v1/jobs/{id}/retry",
  operationId: "retryJob",
  tags,
  summary: "Run a job again at once",
  description: "One that has ended, or that waits for its time. A job that has used up its " +
    "attempts gets one more.",
  request: { params: JOB_PARAM },
  responses: {
    200: { description: "The job as it is now.", content: JOB_CONTENT },
    ...problemAnswers(400, 404, 409, 500, 503),
  },
});

const many = {
  200: {
    description: "The number of jobs that were changed.",
    content: { "application/json": { schema: manySchema } },
  },
  ...problemAnswers(400, 408, 413, 415, 500, 503),
};

const cancelManyRoute = createRoute({
  method: "post",
  path: "/v1/jobs/cancel",
  operationId: "cancelJobs",
  tags,
  summary: "Cancel jobs by filter",
  description: "The body must have at least one field besides `reason`. Works in parts; if the " +
    "client leaves, it stops after the part that runs.",
  parameters: [REASON],
  request: { body: bodyByReference(CANCEL_MANY_REQUEST) },
  responses: many,
});

const retryManyRoute = createRoute({
  method: "post",
  path: "/v1/jobs/retry",
  operationId: "retryJobs",
  tags,
  summary: "Retry jobs by filter",
  description:
    "Running jobs are left out. The body must have at least one field. Works in parts; " +
    "if the client leaves, it stops after the part that runs.",
  request: { body: bodyByReference(CHOICE_REQUEST) },
  responses: many,
});

/** Adds `/v1/jobs`, `/v1/jobs/:id`, and the cancellation and the retry of one job and of many. */
export function addJobs(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, writer }: JobRouteOptions,
): void {
  app.openAPIRegistry.registerComponent("schemas", CANCEL_REQUEST, cancelRequestSchema);
  app.openAPIRegistry.registerComponent("schemas", CHOICE_REQUEST, choiceRequestSchema);
  app.openAPIRegistry.registerComponent("schemas", CANCEL_MANY_REQUEST, cancelManyRequestSchema);
  app.openapi(listRoute, async (c) => {
    const { choice, page } = listQueryOf(c.req.url);
    return encodedJson<z.infer<typeof jobListSchema>>(
      await listText(await jobs.list(choice, page), (it) => writer.listed(it)),
    );
  });
  app.openapi(getRoute, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    const timeoutMs = waitMsOf(onceEach(c.req.queries(), ["wait"]).wait);
    using caller = traffic.callers.open(c.req.raw, c.env);
    const { signal } = caller;
    const job = timeoutMs === undefined
      ? await jobs.get(id)
      : await jobs.wait(id, { timeoutMs, signal });
    return jsonAnswer<JobJson, 200>(await writer.job(job, signal), { status: 200, traffic });
  });
  app.openapi(cancelRoute, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    const fields = await readFields(c.req.raw, { traffic, known: ["reason"], isOptional: true });
    using caller = traffic.callers.open(c.req.raw, c.env);
    const job = await jobs.cancel(id, reasonOf(c, fields));
    const piece = await writer.job(job, caller.signal);
    return jsonAnswer<JobJson, 200>(piece, { status: 200, traffic });
  });
  app.openapi(retryRoute, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    using caller = traffic.callers.open(c.req.raw, c.env);
    const piece = await writer.job(await jobs.retry(id), caller.signal);
    return jsonAnswer<JobJson, 200>(piece, { status: 200, traffic });
  });
  app.openapi(cancelManyRoute, async (c) => {
    const known = [...CHOICE_FIELDS, "reason"];
    const { reason, ...choice } = await readFields(c.req.raw, { traffic, known });
    using caller = traffic.callers.open(c.req.raw, c.env);
    const options = { ...reasonOf(c, { reason }), signal: caller.signal };
    return c.json(await jobs.cancelMany(choice, options), 200);
  });
  app.openapi(retryManyRoute, async (c) => {
    const choice = await readFields(c.req.raw, { traffic, known: CHOICE_FIELDS });
    using caller = traffic.callers.open(c.req.raw, c.env);
    return c.json(await jobs.retryMany(choice, { signal: caller.signal }), 200);
  });
}

/**
 * Returns the reason of a cancellation, which the host checks.
 *
 * @throws {InvalidInputError} `invalid_input` if the request has two.
 */
function reasonOf(
  c: AppContext,
  fields: Readonly<Record<string, unknown>>,
): { readonly reason?: string } {
  const query = onceEach(c.req.queries(), ["reason"]);
  if (fields["reason"] !== undefined && query.reason !== undefined) {
    const message = "given in the body and in the query; allowed: one of the two";
    throw invalidBody([{ path: "reason", message }]);
  }
  const reason = fields["reason"] ?? query.reason;
  return reason === undefined ? {} : { reason: reason as string };
}

/** The characters that are written in one turn of the event loop; metadata can be long. */
const TURN_CHARS = 1024 * 1024;

async function listText(
  { items, cursor }: JobPage,
  write: (job: JobPage["items"][number]) => string,
): Promise<string> {
  const budget = new TurnBudget(TURN_CHARS);
  const texts: string[] = [];
  for (const job of items) {
    const text = write(job);
    texts.push(text);
    await budget.take(text.length);
  }
  const next = cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`;
  return `{"jobs":[${texts.join(",")}]${next}}`;
}
