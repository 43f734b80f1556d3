import type { AppContext } from "../http/mod.ts";
import type { AnswerLater } from "../calls/mod.ts";
import { jsonAnswer } from "./job_answer.ts";
import { withIdempotencyKey } from "./job_fields.ts";
import type { JobJson } from "./job_schema.ts";
import { type JobRouteOptions, type JobsSlice, parentIn } from "./jobs_slice.ts";
import { headersOf } from "./submit.ts";

/**
 * Returns the function that submits a call as a job, for a client that prefers to hear of its
 * result later. Options of a call that a job does not have are refused.
 */
export function laterCalls(jobs: JobsSlice, { traffic, writer }: JobRouteOptions): AnswerLater {
  return async (c: AppContext, { tool, args, options }) => {
    const { requestId: _id, signal, ...fields } = options;
    const input = withIdempotencyKey({ ...fields, tool, args }, c.req.raw.headers);
    using _room = traffic.arguments.hold(args.weight);
    const outcome = await jobs.submission(input, { parent: parentIn(c, jobs) });
    const left = signal ?? new AbortController().signal;
    return jsonAnswer<JobJson, 202>(await writer.job(outcome.job, left), {
      status: 202,
      traffic,
      headers: { ...headersOf(outcome), "preference-applied": "respond-async" },
    });
  };
}
