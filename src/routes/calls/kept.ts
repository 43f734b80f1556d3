import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
import { ALL_READ, STREAM_HEADERS, type StreamAnswers } from "./stream_answer.ts";
import { SERVER_SENT_EVENT } from "./stream_schema.ts";

const params = z.object({
  id: z.string().openapi({
    description: "Id of a stream, as in the header `snakeden-stream-id` of its answer.",
    example: "6b1f0e1f2a304b5c8d9e0f1a2b3c4d5e",
  }),
});

const headers = z.object({
  "last-event-id": z.string().optional().openapi({
    description: "Id of the last event that arrived. Default: none, so all events are sent.",
    example: "6b1f0e1f2a304b5c8d9e0f1a2b3c4d5e:17",
  }),
});

const readRoute = createRoute({
  method: "get",
  path: "/v1/streams/{id}",
  operationId: "resumeStream",
  tags: ["calls"],
  summary: "Go on reading a stream",
  description: "Sends the events after the one that the header `last-event-id` names; without it " +
    "from the first one. Another reader of the stream is disconnected. Answers 410 `stream_gone` " +
    "if these events are no longer kept, and for every id that is not a stream of the client. " +
    "Streams are kept for `limits.streamResumeMs` after their connection or their call has ended.",
  request: { params, headers },
  responses: {
    200: {
      description: "The events.",
      content: { "text/event-stream": { schema: SERVER_SENT_EVENT } },
      headers: STREAM_HEADERS,
    },
    204: ALL_READ,
    ...problemAnswers(410),
  },
});

const endRoute = createRoute({
  method: "delete",
  path: "/v1/streams/{id}",
  operationId: "endStream",
  tags: ["calls"],
  summary: "Cancel the call of a stream",
  description: "Cancels at once, and forgets the stream. Answers 410 `stream_gone` for every id " +
    "that is not a stream of the client.",
  request: { params },
  responses: { 204: { description: "The call is cancelled." }, ...problemAnswers(410) },
});

/** Adds the routes of streams that can be resumed: `GET` and `DELETE /v1/streams/:id`. */
export function addKeptStreams(app: OpenAPIHono<AppEnv>, answers: StreamAnswers): void {
  app.openapi(readRoute, (c) => {
    const { id } = c.req.valid("param");
    const lastEventId = c.req.valid("header")["last-event-id"] ?? "";
    return answers.resume(c, lastEventId === "" ? `${id}:0` : lastEventId, id);
  });
  app.openapi(endRoute, (c) => {
    answers.end(c, c.req.valid("param").id);
    return c.body(null, 204);
  });
}
