import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { StreamEvent } from "../../pool/mod.ts";
import { addressOf, logStreamFailure } from "../access/mod.ts";
import {
  type AppEnv,
  chooseStreamType,
  notStreamable,
  problemOf,
  type Shown,
  takesEvents,
} from "../http/mod.ts";
import { answerForm, notBytes, optionsFor } from "./answer_form.ts";
import { CALL_REQUEST } from "./call_body.ts";
import { readCallRequest } from "./call_request.ts";
import type { FindTool } from "./upload/mod.ts";
import type { FindTools } from "./execute.ts";
import { RAW_POLICY } from "./raw_answer.ts";
import { RawStream } from "./raw_stream.ts";
import { BINARY, CALL_PARAMETERS, UPLOADS } from "./upload/mod.ts";
import { OVER_HTTP } from "../../tools/mod.ts";
import { StreamBody } from "./stream_body.ts";
import { eventWriter } from "./stream_events.ts";
import { EVENT_DATA, NDJSON_LINE, SERVER_SENT_EVENT } from "./stream_schema.ts";
import type { Traffic } from "./traffic.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";

const route = createRoute({
  method: "post",
  path: "/v1/stream",
  operationId: "stream",
  tags: ["calls"],
  summary: "Run a tool and follow it",
  description: "Server-Sent Events `chunk`, `progress`, then `done` or `failed`; with " +
    "`accept: application/x-ndjson` one JSON object a line: `{event, data}`. What fails before " +
    "the first event is answered with a status. A client that leaves cancels the call.",
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
    },
    ...problemAnswers(400, 404, 406, 408, 410, 413, 415, 422, 429, 500, 502, 503, 504),
  },
});

/** The host, as {@link addStream} sees it. */
export interface StreamSlice {
  stream(tool: string, args: Value, options: CallOptions): EventSource;
}

/** A streaming call that has not begun; reading the events begins it. */
export interface EventSource {
  events(): AsyncIterable<StreamEvent>;
}

/** Options of {@link addStream}. */
export interface StreamOptions {
  readonly traffic: Traffic;
  readonly tools: FindTools;
  /** The time without an event after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** The parts of Python errors that problems show. */
  readonly shown: Shown;
}

/** Adds `POST /v1/stream`. */
export function addStream(
  app: OpenAPIHono<AppEnv>,
  host: StreamSlice,
  { traffic, tools, heartbeatMs, shown }: StreamOptions,
): void {
  for (const [name, schema] of Object.entries(EVENT_DATA)) {
    app.openAPIRegistry.register(name, schema);
  }
  const findTool: FindTool = (name, pool, options) =>
    tools.find(name, pool, { ...options, ...OVER_HTTP });
  app.openapi(route, async (c) => {
    refuseToRepeat(c.req.header("last-event-id"));
    const accept = c.req.header("accept");
    const type = takesEvents(accept) ? chooseStreamType(accept) : undefined;
    const requestId = c.get("requestId");
    // Closes the caller, unless a body does so later.
    using opening = new DisposableStack();
    const caller = opening.use(traffic.callers.open(c.req.raw, c.env));
    const { tool, args, options } = await readCallRequest(c.req.raw, requestId, {
      caller,
      traffic,
      findTool,
    });
    const called = { tool, pool: options.pool };
    c.set("called", called);
    const { signal } = caller;
    const log = (error: unknown): void => {
      const { method, path } = c.req;
      const remote = addressOf(c.env);
      logStreamFailure({ method, path, remote, requestId, called, error, shown });
    };
    const cancel = (): void => caller.leave();
    const onEnd = (): void => caller.close();
    const eventsOf = (options: CallOptions): AsyncIterable<StreamEvent> =>
      traffic.arguments.during(args.weight, () => host.stream(tool, args, options).events());
    if (type === undefined) {
      const { pool, sessionId } = options;
      const form = answerForm({ accept, tool, pool, sessionId, findTool, follows: true });
      const { bytesType } = form;
      if (bytesType === undefined) throw notStreamable(accept);
      const body = new RawStream({
        events: eventsOf(optionsFor(form, options)),
        traffic,
        firstChunkMs: heartbeatMs,
        notBytes: () => notBytes(accept, `a chunk of ${tool} is not bytes`),
        onError: log,
        cancel,
        onEnd,
      });
      await body.begin();
      opening.move();
      return new Response(body.readable(), {
        headers: { "content-type": bytesType, ...RAW_POLICY, ...UNBUFFERED },
      });
    }
    const body = new StreamBody({
      events: eventsOf(options),
      writer: eventWriter(type),
      traffic,
      signal,
      heartbeatMs,
      problemOf: (error) => {
        log(error);
        return problemOf(error, requestId, shown);
      },
      cancel,
      onEnd,
    });
    await body.begin();
    opening.move();
    return new Response(body.readable(), {
      headers: {
        "content-type": type === "text/event-stream" ? `${type}; charset=utf-8` : type,
        ...UNBUFFERED,
      },
    });
  });
}

/** Headers that keep caches and proxies such as nginx from gathering what is sent. */
const UNBUFFERED = { "cache-control": "no-store", "x-accel-buffering": "no" } as const;

/**
 * Refuses a client that reconnects, as every `EventSource` does once a stream has ended or broken
 * off: its call must not run twice. Any status but 200 keeps such a client from trying again.
 *
 * @throws {SnakedenError} `stream_gone`.
 */
function refuseToRepeat(lastEventId: string | undefined): void {
  if (lastEventId === undefined || lastEventId === "") return;
  throw new SnakedenError(
    "stream_gone",
    `Cannot resume the stream after the event ${JSON.stringify(lastEventId.slice(0, 128))}: ` +
      "a stream is not kept once its connection has ended, and its tool is not run again; " +
      "send the request without last-event-id to make a new call",
    { details: { lastEventId: lastEventId.slice(0, 128) } },
  );
}
