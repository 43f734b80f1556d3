import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../http/mod.ts";
import { problemAnswers } from "../../schema/mod.ts";
import {
  EVENTS_CONTENT,
  type JobEventStreams,
  POSITION_HEADER,
  positionOf,
} from "./event_stream.ts";
import { checkedId } from "../job_fields.ts";
import { JOB_PARAM } from "../job_schema.ts";

const route = createRoute({
  method: "get",
  path: "/v1/jobs/{id}/events",
  operationId: "followJob",
  tags: ["jobs"],
  summary: "Follow a job",
  description: "Server-Sent Events: `state`, the job as it is; `progress`, the last report; " +
    "`chunk` of a tool that streams, with the number of its run; `reset` if chunks are gone; " +
    "`end`, the job, after which nothing comes. A client that reconnects with `last-event-id` " +
    "goes on behind that chunk.",
  parameters: [POSITION_HEADER],
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "The events, until the job ends or the client leaves.",
      content: { ...EVENTS_CONTENT },
    },
    204: { description: "The client has seen the end." },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Adds `GET /v1/jobs/:id/events`. */
export function addJobEvents(app: OpenAPIHono<AppEnv>, streams: JobEventStreams): void {
  app.openapi(route, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    const after = positionOf(c.req.header("last-event-id"));
    return await streams.answer(id, c.req.raw, { after }) ?? c.body(null, 204);
  });
}
