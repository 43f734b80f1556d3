import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { type AppEnv, chooseStreamType, takesEvents } from "../http/mod.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";
import { CALL_REQUEST } from "./call_body.ts";
import { ALL_READ, STREAM_HEADERS, type StreamAnswers } from "./stream_answer.ts";
import { EVENT_DATA, NDJSON_LINE, SERVER_SENT_EVENT } from "./stream_schema.ts";
import { BINARY, CALL_PARAMETERS, UPLOADS } from "./upload/mod.ts";

const route = createRoute({
  method: "post",
  path: "/v1/stream",
  operationId: "stream",
  tags: ["calls"],
  summary: "Run a tool and follow it",
  description: "Server-Sent Events `chunk`, `progress`, then `done` or `failed`; with " +
    "`accept: application/x-ndjson` one JSON object a line: `{event, data}`. What fails before " +
    "the first event is answered with a status. A client that leaves cancels the call; with " +
    "`limits.streamResumeMs` it can come back with `last-event-id` to read on.",
  parameters: CALL_PARAMETERS,
  request: { body: bodyByReference(CALL_REQUEST, { others: UPLOADS }) },
  responses: {
    200: {
      description:
        "The events. A client whose `accept` names only `application/octet-stream`, or " +
        "the media type of the tool, gets the bytes of the chunks one after the other.",
      content: {
        "text/event-stream": { schema: SERVER_SENT_EVENT },
        "application/x-ndjson": { schema: NDJSON_LINE },
        "application/octet-stream": { schema: BINARY },
        "*/*": { schema: BINARY },
      },
      headers: STREAM_HEADERS,
    },
    204: ALL_READ,
    ...problemAnswers(400, 404, 406, 408, 410, 413, 415, 422, 429, 500, 502, 503, 504),
  },
});

/** Adds `POST /v1/stream`. */
export function addStream(app: OpenAPIHono<AppEnv>, answers: StreamAnswers): void {
  for (const [name, schema] of Object.entries(EVENT_DATA)) {
    app.openAPIRegistry.register(name, schema);
  }
  app.openapi(route, (c) => {
    const accept = c.req.header("accept");
    return answers.follow(c, takesEvents(accept) ? chooseStreamType(accept) : undefined);
  });
}
