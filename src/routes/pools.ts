import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { PoolInfo } from "../pool/mod.ts";
import type { Engine } from "./engine.ts";
import { type AppEnv, problemAnswers } from "./http/mod.ts";
import { assertPool } from "./tools.ts";

const count = z.number().int().nonnegative();

const circuitSchema = z.object({
  state: z.enum(["closed", "open", "half_open"]),
  failures: count.openapi({ description: "Failures in a row." }),
  opened: count.openapi({ description: "How often it has opened." }),
  refused: count.openapi({ description: "Calls it refused." }),
  lastFailure: z.string().optional().openapi({ example: "worker_crashed" }),
  retryAfterMs: count.optional().openapi({ description: "Until it lets a call pass." }),
}).openapi("Circuit");

const poolSchema = z.object({
  name: z.string().openapi({ example: "default" }),
  adapter: z.string().openapi({ example: "snakeden.demo" }),
  profile: z.string().openapi({ example: "process" }),
  size: count.openapi({ description: "Workers it keeps." }),
  state: z.enum(["starting", "ready", "unhealthy", "stopping", "stopped"]),
  reason: z.string().optional().openapi({
    description: "Why it has no worker: the last failed start, with the end of its traceback.",
  }),
  workers: z.object({ ready: count, busy: count, starting: count }),
  queued: count.openapi({ description: "Calls that wait for a worker." }),
  queueLimit: count,
  stats: z.record(z.string(), count).openapi({
    description: "How calls ended so far; `restarts` and `recycled` count workers.",
  }),
  crashes: z.object({
    total: count.openapi({ description: "Workers that ended unasked." }),
    windowMs: count.openapi({ description: "What `recent` covers." }),
    recent: z.record(z.string(), count).openapi({
      description: "Crashes by kind.",
      example: { segfault: 1 },
    }),
    reruns: count.openapi({ description: "Calls run again because their worker died." }),
    poisoned: count.openapi({ description: "Calls given up or refused: they kill workers." }),
  }),
  tainted: z.array(z.object({ workerId: z.string(), remainingMs: count })).openapi({
    description: "Slots left empty for a while, because their workers crashed too often.",
  }),
  policies: z.object({
    circuit: circuitSchema.optional().openapi({ description: "That of the whole pool." }),
    toolCircuits: z.record(z.string(), circuitSchema),
    retries: count.openapi({ description: "Attempts made after others had failed." }),
  }).optional().openapi({ description: "Circuits and retries, where they are configured." }),
}).openapi("Pool");

const listRoute = createRoute({
  method: "get",
  path: "/v1/pools",
  operationId: "listPools",
  tags: ["pools"],
  summary: "List the pools",
  responses: {
    200: {
      description: "The pools.",
      content: { "application/json": { schema: z.object({ pools: z.array(poolSchema) }) } },
    },
    ...problemAnswers(),
  },
});

const oneRoute = createRoute({
  method: "get",
  path: "/v1/pools/{name}",
  operationId: "getPool",
  tags: ["pools"],
  summary: "Show a pool",
  request: { params: z.object({ name: z.string() }) },
  responses: {
    200: { description: "The pool.", content: { "application/json": { schema: poolSchema } } },
    ...problemAnswers(404),
  },
});

/** `GET /v1/pools` and `GET /v1/pools/:name`. */
export function addPools(app: OpenAPIHono<AppEnv>, engine: Engine): void {
  app.openAPIRegistry.registerPath(listRoute);
  app.openAPIRegistry.registerPath(oneRoute);
  app.get(listRoute.path, (c) => c.json({ pools: shownPools(engine) }));
  app.get(oneRoute.getRoutingPath(), (c) => {
    const name = c.req.param("name") ?? "";
    assertPool(engine, name);
    return c.json(shownPools(engine).find((it) => it.name === name));
  });
}

/** Hides the reason of an unhealthy pool, which may contain output of its workers. */
function shownPools(engine: Engine): PoolInfo[] {
  const pools = engine.pools.list();
  if (engine.config.errors.output) return pools;
  return pools.map(({ reason: _reason, ...rest }) => rest);
}
