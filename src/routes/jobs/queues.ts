import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Queues } from "../../jobs/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";
import { readFields } from "../sessions/mod.ts";
import { QUEUE_REQUEST, queueRequestSchema } from "./job_requests.ts";
import { queueSchema } from "./job_schema.ts";

const tags = ["queues"];
const params = z.object({ name: z.string().openapi({ example: "default" }) });
const content = { "application/json": { schema: queueSchema } };

const listRoute = createRoute({
  method: "get",
  path: "/v1/queues",
  operationId: "listQueues",
  tags,
  summary: "List the queues",
  responses: {
    200: {
      description: "The queues, by name.",
      content: { "application/json": { schema: z.object({ queues: z.array(queueSchema) }) } },
    },
    ...problemAnswers(500, 503),
  },
});

const getRoute = createRoute({
  method: "get",
  path: "/v1/queues/{name}",
  operationId: "getQueue",
  tags,
  summary: "Show a queue",
  request: { params },
  responses: {
    200: { description: "The queue.", content },
    ...problemAnswers(404, 500, 503),
  },
});

const updateRoute = createRoute({
  method: "patch",
  path: "/v1/queues/{name}",
  operationId: "updateQueue",
  tags,
  summary: "Pause or drain a queue, or change its limit",
  description:
    "Changes are kept over restarts of the server. Running jobs go on. A queue that is " +
    "draining refuses submissions with `queue_draining`.",
  request: { params, body: bodyByReference(QUEUE_REQUEST) },
  responses: {
    200: { description: "The queue as it is now.", content },
    ...problemAnswers(400, 404, 408, 413, 415, 500, 503),
  },
});

/** The part of the host that {@link addQueues} uses. */
export type QueuesSlice = Pick<Queues, "get" | "list" | "update">;

/** Adds `/v1/queues` and `/v1/queues/:name`. */
export function addQueues(
  app: OpenAPIHono<AppEnv>,
  queues: QueuesSlice,
  { traffic }: { readonly traffic: Traffic },
): void {
  app.openAPIRegistry.registerComponent("schemas", QUEUE_REQUEST, queueRequestSchema);
  app.openapi(listRoute, async (c) => c.json({ queues: await queues.list() }, 200));
  app.openapi(
    getRoute,
    async (c) => c.json(await queues.get(c.req.valid("param").name), 200),
  );
  app.openapi(updateRoute, async (c) => {
    const update = await readFields(c.req.raw, {
      traffic,
      known: ["paused", "draining", "concurrency"],
    });
    return c.json(await queues.update(c.req.valid("param").name, update), 200);
  });
}
