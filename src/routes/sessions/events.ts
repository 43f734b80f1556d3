import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { InvalidInputError } from "../../errors.ts";
import type { VariableChange, Variables } from "../../sessions/mod.ts";
import { EVENT_HEADERS, PulledEvents, type Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { invalidBody, problemAnswers } from "../schema/mod.ts";
import { SESSION_PARAM } from "./session_schema.ts";
import type { SessionsSlice } from "./sessions.ts";

const route = createRoute({
  method: "get",
  path: "/v1/sessions/{id}/events",
  operationId: "followVariables",
  tags: ["sessions"],
  summary: "Follow the changes of the variables",
  description: "Server-Sent Events: `set` and `deleted` with the name and the version of a " +
    "variable; `reset` when changes were missed, after which all variables must be read again; " +
    "`ended` when the session has ended. A client that reconnects with `last-event-id` goes on " +
    "where it was.",
  request: { params: SESSION_PARAM },
  responses: {
    200: {
      description: "The events, until the session ends or the client leaves.",
      content: {
        "text/event-stream": {
          schema: {
            type: "object",
            required: ["id", "event", "data"],
            properties: {
              id: { type: "string" },
              event: { enum: ["set", "deleted", "reset", "ended"] },
              data: {
                type: "string",
                contentMediaType: "application/json",
                contentSchema: {
                  type: "object",
                  properties: { name: { type: "string" }, version: { type: "integer" } },
                },
              },
            },
          },
        },
      },
    },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Options of {@link addEvents}. */
export interface EventsOptions {
  readonly traffic: Pick<Traffic, "answers">;
  /** The time without an event after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
}

/** Adds `GET /v1/sessions/:id/events`. */
export function addEvents(
  app: OpenAPIHono<AppEnv>,
  sessions: SessionsSlice,
  { traffic, heartbeatMs, removalOf }: EventsOptions,
): void {
  const { time } = traffic.answers;
  app.openapi(route, async (c) => {
    const { variables } = await sessions.get(c.req.valid("param").id);
    const after = c.req.header("last-event-id") || await variables.position();
    const body = new PulledEvents(changesAfter(variables, after), {
      of: "a session",
      textOf: eventOf,
      // With an id, so that a client that reconnects before the first event misses nothing.
      greeting: `: following\nid: ${after}\n\n`,
      farewell: "event: ended\ndata: {}\n\n",
      heartbeatMs,
      time,
      removal: removalOf(c.req.raw.headers),
    });
    const headers = EVENT_HEADERS;
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), { headers });
  });
}

/** @throws {InvalidInputError} `invalid_input` if `last-event-id` is no position. */
function changesAfter(variables: Variables, after: string): AsyncIterator<VariableChange> {
  try {
    return variables.changes({ after });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw invalidBody(error.issues.map((it) => ({ ...it, path: "last-event-id" })));
  }
}

function eventOf({ kind, position, name, version }: VariableChange): string {
  return `id: ${position}\nevent: ${kind}\ndata: ${JSON.stringify({ name, version })}\n\n`;
}
