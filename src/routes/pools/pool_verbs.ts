import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type FieldIssue } from "../../errors.ts";
import { shownValue } from "../../config/mod.ts";
import type { PoolInfo, ResizeRequest } from "../../pool/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv, Shown } from "../http/mod.ts";
import { bodyByReference, invalidBody, problemAnswers } from "../schema/mod.ts";
import { readFields } from "../sessions/mod.ts";
import { poolSchema, shownPool } from "./pools.ts";

/** The components of the OpenAPI document that hold the schemas of the bodies. */
const CHANGE = "PoolChange";
const AHEAD = "StartAheadRequest";

const CHANGE_KEYS = ["size", "min", "max", "spare", "paused"] as const;
const MAX_WORKERS = 256;

const changeSchema = z.strictObject({
  size: z.number().int().min(1).max(MAX_WORKERS).optional()
    .openapi({ description: "The number of workers: `min` and `max` at once." }),
  min: z.number().int().min(0).max(MAX_WORKERS).optional(),
  max: z.number().int().min(1).max(MAX_WORKERS).optional(),
  spare: z.number().int().min(0).max(MAX_WORKERS).optional(),
  paused: z.boolean().optional()
    .openapi({ description: "True to send no more calls to workers; those that run go on." }),
});

const aheadSchema = z.strictObject({
  count: z.number().int().min(-1).max(MAX_WORKERS).optional().openapi({
    description: "Workers to start, up to `max` of the pool; -1 for as many as there may be. " +
      "Default 1.",
  }),
});

const tags = ["pools"];
const params = z.object({ name: z.string() });
const poolContent = { "application/json": { schema: poolSchema } };
const workersContent = {
  "application/json": { schema: z.object({ workers: z.array(z.string()).readonly() }) },
};

const changeRoute = createRoute({
  method: "patch",
  path: "/v1/pools/{name}",
  operationId: "changePool",
  tags,
  summary: "Change the number of workers of a pool, or pause it",
  description: "Missing workers are started; excess ones finish their calls and end. It holds at " +
    "once, until a restart or until the configuration is read again.",
  request: { params, body: bodyByReference(CHANGE) },
  responses: {
    200: { description: "The pool as it is now.", content: poolContent },
    ...problemAnswers(400, 404, 408, 413, 415, 503),
  },
});

const pauseRoute = createRoute({
  method: "post",
  path: "/v1/pools/{name}/pause",
  operationId: "pausePool",
  tags,
  summary: "Send no more calls to the workers of a pool",
  description: "Calls wait until the pool is resumed, or until their deadlines.",
  request: { params },
  responses: {
    200: { description: "The pool as it is now.", content: poolContent },
    ...problemAnswers(404, 503),
  },
});

const resumeRoute = createRoute({
  ...pauseRoute,
  path: "/v1/pools/{name}/resume",
  operationId: "resumePool",
  summary: "End a pause of a pool",
  description: "The calls that wait are sent.",
});

const cleanRoute = createRoute({
  method: "post",
  path: "/v1/pools/{name}/clean",
  operationId: "cleanPool",
  tags,
  summary: "End the idle workers of a pool now",
  description: "Ends those beyond `min` and `spare`, but none with strict sessions or registered " +
    "tools.",
  request: { params },
  responses: {
    200: { description: "The ids of the workers that end.", content: workersContent },
    ...problemAnswers(404),
  },
});

const aheadRoute = createRoute({
  method: "post",
  path: "/v1/pools/{name}/start-ahead",
  operationId: "startPoolAhead",
  tags,
  summary: "Start workers of a pool before calls need them",
  description: "Responds once each was tried.",
  request: { params, body: bodyByReference(AHEAD, { required: false }) },
  responses: {
    200: { description: "The ids of the workers that are ready.", content: workersContent },
    ...problemAnswers(400, 404, 408, 413, 415, 503),
  },
});

/** The part of the host that {@link addPoolVerbs} uses. */
export interface PoolVerbsSlice {
  get(name: string): PoolInfo;
  resize(name: string, change: ResizeRequest): PoolInfo;
  pause(name: string): PoolInfo;
  resume(name: string): PoolInfo;
  cleanIdle(name: string): readonly string[];
  startAhead(name: string, count?: number): Promise<readonly string[]>;
}

/** Adds `PATCH /v1/pools/:name`, and `pause`, `resume`, `clean` and `start-ahead` below it. */
export function addPoolVerbs(
  app: OpenAPIHono<AppEnv>,
  pools: PoolVerbsSlice,
  { traffic, shown }: { readonly traffic: Traffic; readonly shown: Shown },
): void {
  app.openAPIRegistry.register(CHANGE, changeSchema);
  app.openAPIRegistry.register(AHEAD, aheadSchema);
  app.openapi(changeRoute, async (c) => {
    const { name } = pools.get(c.req.valid("param").name);
    const body = await readFields(c.req.raw, { traffic, known: CHANGE_KEYS });
    const { paused, ...change } = body;
    const issues = changeIssues(body);
    if (issues.length > 0) throw invalidBody(issues);
    if (Object.keys(change).length > 0) pools.resize(name, change);
    if (paused === true) pools.pause(name);
    if (paused === false) pools.resume(name);
    return c.json(shownPool(pools.get(name), shown), 200);
  });
  app.openapi(
    pauseRoute,
    (c) => c.json(shownPool(pools.pause(c.req.valid("param").name), shown), 200),
  );
  app.openapi(
    resumeRoute,
    (c) => c.json(shownPool(pools.resume(c.req.valid("param").name), shown), 200),
  );
  app.openapi(
    cleanRoute,
    (c) => c.json({ workers: pools.cleanIdle(c.req.valid("param").name) }, 200),
  );
  app.openapi(aheadRoute, async (c) => {
    const { name } = pools.get(c.req.valid("param").name);
    const body = await readFields(c.req.raw, { traffic, known: ["count"], isOptional: true });
    const { count = 1 } = body;
    // The pool refuses other numbers.
    const wanted = typeof count === "number" ? count : NaN;
    return c.json({ workers: await pools.startAhead(name, wanted) }, 200);
  });
}

/** Returns what is wrong with a change besides the numbers, which the pool checks. */
function changeIssues(body: Readonly<Record<string, unknown>>): FieldIssue[] {
  const { paused } = body;
  if (Object.keys(body).length === 0) {
    return [{ path: "", message: `given no field; allowed: ${CHANGE_KEYS.join(", ")}` }];
  }
  if (paused === undefined || typeof paused === "boolean") return [];
  return [{ path: "paused", message: `given ${shownValue(paused)}; allowed: true, false` }];
}
