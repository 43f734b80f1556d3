import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { shownValue } from "../../calls/mod.ts";
import type { JobEvent } from "../../jobs/mod.ts";
import { EVENT_HEADERS, onOneLine, PulledEvents } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
import { invalidBody } from "../sessions/mod.ts";
import { around, type JsonPiece } from "./job_answer.ts";
import { checkedId } from "./job_fields.ts";
import type { JobJsonWriter } from "./job_json.ts";
import { JOB_PARAM } from "./job_schema.ts";
import type { JobRouteOptions, JobsSlice } from "./jobs_slice.ts";

const JOB = { $ref: "#/components/schemas/Job" };

/** The data of each event, and whether it has an id. */
const EVENTS = [
  ["state", JOB, false],
  ["progress", {}, false],
  [
    "chunk",
    { type: "object", properties: { run: { type: "integer" }, value: {} } },
    true,
  ],
  ["reset", { type: "object" }, true],
  ["end", JOB, true],
] as const;

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
  parameters: [{
    name: "last-event-id",
    in: "header" as const,
    required: false,
    description: "The id of the last event that was seen.",
    schema: { type: "string" as const, pattern: "^\\d{1,15}$" },
  }],
  request: { params: JOB_PARAM },
  responses: {
    200: {
      description: "The events, until the job ends or the client leaves.",
      content: {
        "text/event-stream": {
          schema: {
            oneOf: EVENTS.map(([name, contentSchema, hasId]) => ({
              type: "object",
              required: hasId ? ["id", "event", "data"] : ["event", "data"],
              properties: {
                ...(hasId ? { id: { type: "string" } } : {}),
                event: { const: name },
                data: { type: "string", contentMediaType: "application/json", contentSchema },
              },
            })),
          },
        },
      },
    },
    204: { description: "The client has seen the end." },
    ...problemAnswers(400, 404, 500, 503),
  },
});

/** Options of {@link addJobEvents}. */
interface JobEventsOptions extends JobRouteOptions {
  readonly heartbeatMs: number;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
}

/** Adds `GET /v1/jobs/:id/events`. */
export function addJobEvents(
  app: OpenAPIHono<AppEnv>,
  jobs: JobsSlice,
  { traffic, writer, heartbeatMs, removalOf }: JobEventsOptions,
): void {
  const { time } = traffic.answers;
  app.openapi(route, async (c) => {
    const id = checkedId(c.req.valid("param").id);
    const after = positionOf(c.req.header("last-event-id"));
    const leaving = new AbortController();
    const { signal } = leaving;
    const events = jobs.events(id, { after, signal });
    const first = await firstEvents(events, after);
    if (first.length === 0) return c.body(null, 204);
    const body = new PulledEvents(resumed(first, events), {
      of: "a job",
      textOf: (event) => eventPiece(event, writer, signal),
      heartbeatMs,
      time,
      removal: removalOf(c.req.raw.headers),
      leave: () => {
        leaving.abort();
        // Ends them also if the first one was never read.
        events.return().catch(() => {});
      },
    });
    if (c.req.raw.method === "HEAD") {
      await body.cancel();
      return new Response(null, { headers: EVENT_HEADERS });
    }
    return new Response(new ReadableStream(body, { highWaterMark: 0 }), {
      headers: EVENT_HEADERS,
    });
  });
}

/** @throws {InvalidInputError} `invalid_input`. */
function positionOf(lastEventId: string | undefined): number {
  if (lastEventId === undefined || lastEventId === "") return 0;
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  const message = `given ${shownValue(lastEventId)}; allowed: the id of an event of the job`;
  throw invalidBody([{ path: "last-event-id", message }]);
}

/**
 * Returns the events with which a stream begins: the state, or nothing if the client has seen the
 * end. It would come back again and again otherwise.
 *
 * @throws {SnakedenError} What tells of a job that cannot be followed.
 */
async function firstEvents(
  events: AsyncGenerator<JobEvent, void>,
  after: number,
): Promise<JobEvent[]> {
  const { value: state } = await events.next();
  if (state === undefined) return [];
  if (state.type !== "state" || !state.job.done || after === 0) return [state];
  const { value: event } = await events.next();
  return event === undefined ? [] : [state, event];
}

async function* resumed(
  first: readonly JobEvent[],
  rest: AsyncGenerator<JobEvent, void>,
): AsyncGenerator<JobEvent, void> {
  yield* first;
  yield* rest;
}

async function eventPiece(
  event: JobEvent,
  writer: JobJsonWriter,
  signal: AbortSignal,
): Promise<JsonPiece> {
  const id = "id" in event ? `id: ${event.id}\n` : "";
  return around(`${id}event: ${event.type}\ndata: `, await dataOf(event, writer, signal), "\n\n");
}

async function dataOf(
  event: JobEvent,
  writer: JobJsonWriter,
  signal: AbortSignal,
): Promise<JsonPiece> {
  switch (event.type) {
    case "state":
    case "end":
      return lineOf(await writer.job(event.job, signal));
    case "progress":
      return JSON.stringify(event.progress);
    case "chunk": {
      const value = lineOf(await writer.value(event.value, signal));
      return around(`{"run":${event.run},"value":`, value, "}");
    }
    case "reset":
      return "{}";
  }
}

/** Returns JSON without line breaks, which would end the data. */
function lineOf(piece: JsonPiece): JsonPiece {
  return typeof piece === "string" ? piece.replaceAll(/[\r\n]/g, " ") : piece.map(onOneLine);
}
