import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { SnakedenError } from "../../../errors.ts";
import type { MapItem, MapOptions, MapRun } from "../../../map/mod.ts";
import { OVER_HTTP } from "../../../tools/mod.ts";
import { addressOf, logStreamFailure } from "../../access/mod.ts";
import { type AppContext, type AppEnv, isNdjson, problemOf, type Shown } from "../../http/mod.ts";
import { problemAnswers, problemSchema } from "../../schema/mod.ts";
import type { Traffic } from "../traffic.ts";
import { MapBody } from "./map_body.ts";
import { MapLines } from "./map_lines.ts";
import { MAP_PARAMETERS, readMapQuery } from "./map_query.ts";

const NDJSON = "application/x-ndjson";

/** The host, as maps see it. */
export interface MapSlice {
  openMap(
    tool: string,
    items: AsyncIterable<MapItem>,
    options: MapOptions,
  ): Pick<MapRun<MapItem>, "next" | "leave">;
}

/** Options of {@link addMap}. */
export interface MapRouteOptions {
  readonly traffic: Traffic;
  /** The time without a line after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** Levels of nesting in arguments. */
  readonly maxDepth: number;
  /** The parts of Python errors that problems show. */
  readonly shown: Shown;
}

const index = z.number().int().nonnegative().openapi({
  description: "The place of the item, from 0.",
});

const lineSchema = z.union([
  z.object({ index, result: z.unknown().openapi({ description: "What the tool returned." }) }),
  z.object({ index, error: problemSchema }),
  z.object({ error: problemSchema }).openapi({ description: "Ends the map; the last line." }),
  z.object({ event: z.literal("heartbeat") }),
]).openapi("MapLine");

const route = createRoute({
  method: "post",
  path: "/v1/map",
  operationId: "map",
  tags: ["calls"],
  summary: "Run a tool for many items",
  description: "The body is lines of JSON, each an object of arguments; the answer has a line " +
    "`{index, result}` or `{index, error}` for each, while others run. The body may be of any " +
    "length, and is read while it arrives and as far as results are taken. Errors of items end " +
    "nothing. What ends the map before its first line is answered with a status; later, the " +
    "last line is `{error}` without an index. A client that leaves cancels what runs.",
  parameters: MAP_PARAMETERS,
  request: {
    body: {
      required: true,
      content: {
        [NDJSON]: {
          schema: { type: "object", description: "The arguments of one item a line." },
        },
      },
    },
  },
  responses: {
    200: { description: "A line for each item.", content: { [NDJSON]: { schema: lineSchema } } },
    ...problemAnswers(400, 404, 408, 409, 413, 415, 429, 500, 502, 503, 504),
  },
});

/** Adds `POST /v1/map`. */
export function addMap(
  app: OpenAPIHono<AppEnv>,
  host: MapSlice,
  options: MapRouteOptions,
): void {
  app.openapi(route, async (c) => {
    // The types of responses know no lines of JSON, and take the problems for all there is.
    return await answer(c, host, options) as never;
  });
}

async function answer(
  c: AppContext,
  host: MapSlice,
  { traffic, heartbeatMs, maxDepth, shown }: MapRouteOptions,
): Promise<Response> {
  const request = c.req.raw;
  const requestId = c.get("requestId");
  checkType(request.headers);
  const { tool, options } = readMapQuery(request.url);
  const called = { tool, pool: options.pool };
  c.set("called", called);
  // Closes the caller, unless the body does so later.
  using opening = new DisposableStack();
  const caller = opening.use(traffic.callers.open(request, c.env));
  const { signal } = caller;
  const isMeasured = request.headers.has("content-length");
  const lines = new MapLines(request.body, { isMeasured, maxDepth });
  const run = host.openMap(tool, lines, { ...options, requestId, signal, ...OVER_HTTP });
  const { method, path } = c.req;
  const remote = addressOf(c.env);
  const body = new MapBody({
    run,
    traffic,
    signal,
    heartbeatMs,
    problemOf: (error) => problemOf(error, requestId, shown),
    onError: (error) => logStreamFailure({ method, path, remote, requestId, called, error, shown }),
    cancel: () => caller.leave(),
    onEnd: () => caller.close(),
  });
  await body.begin();
  opening.move();
  return new Response(body.readable(), {
    headers: {
      "content-type": NDJSON,
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
}

function checkType(headers: Headers): void {
  if (isNdjson(headers)) return;
  const type = headers.get("content-type");
  const given = type === null ? "(none given)" : JSON.stringify(type.slice(0, 200));
  throw new SnakedenError(
    "unsupported_media_type",
    `Cannot read a body of type ${given}; allowed: ${NDJSON} with one object of arguments a line`,
    { details: { given: type, accepted: [NDJSON] } },
  );
}
