import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { shownValue } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { AddPoolOptions, PoolInfo, PoolInput, RemovePoolOptions } from "../../pool/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv, Shown } from "../http/mod.ts";
import { bodyByReference, invalidBody, onceEach, problemAnswers } from "../schema/mod.ts";
import { poolSchema, shownPool } from "./pools.ts";

/** The component of the OpenAPI document that holds the schema of the body. */
const REQUEST = "PoolRequest";

const requestSchema = z.looseObject({
  name: z.string().openapi({ example: "more" }),
  adapter: z.union([z.string(), z.array(z.string())]).optional(),
  size: z.number().int().optional(),
}).openapi({
  description: "A pool as an item of `pools` in the configuration, with the same keys and " +
    "defaults; docs/configuration.md lists them.",
});

const tags = ["pools"];

const addRoute = createRoute({
  method: "post",
  path: "/v1/pools",
  operationId: "addPool",
  tags,
  summary: "Add a pool",
  description: "Prepares the Python of the pool if needed, starts its workers, and responds when " +
    "it takes calls. If it cannot be used, nothing of it is left. The pool ends with the server. " +
    "Refused on a server without API keys.",
  request: { body: bodyByReference(REQUEST) },
  responses: {
    201: {
      description: "The pool.",
      headers: z.object({ location: z.string() }),
      content: { "application/json": { schema: poolSchema } },
    },
    ...problemAnswers(400, 403, 408, 409, 413, 415, 500, 503),
  },
});

const removeRoute = createRoute({
  method: "delete",
  path: "/v1/pools/{name}",
  operationId: "removePool",
  tags,
  summary: "Remove a pool",
  description: "The pool takes no further call: those that wait are refused, and those that run " +
    "may finish. Its jobs wait for a pool of its name. Responds when its workers are gone.",
  request: {
    params: z.object({ name: z.string() }),
    query: z.object({
      drainMs: z.string().optional().openapi({
        description: "Time that running calls have to finish, in milliseconds; by default " +
          "`drainMs` of the pool.",
      }),
    }),
  },
  responses: {
    204: { description: "The pool is gone." },
    ...problemAnswers(400, 404, 503),
  },
});

/** The part of the host that {@link addPoolChanges} uses. */
export interface PoolChangesSlice {
  /** @throws {SnakedenError} See {@link Pools.add}. */
  add(pool: PoolInput, options: AddPoolOptions): Promise<PoolInfo>;
  /** @throws {SnakedenError} `unknown_pool`, `invalid_input`, `shutting_down`. */
  remove(name: string, options: RemovePoolOptions): Promise<void>;
}

/** Options of {@link addPoolChanges}. */
export interface PoolChangesOptions {
  readonly traffic: Traffic;
  readonly shown: Shown;
  /** True if requests need an API key. */
  readonly needsKey: boolean;
}

/** Adds `POST /v1/pools` and `DELETE /v1/pools/:name`. */
export function addPoolChanges(
  app: OpenAPIHono<AppEnv>,
  pools: PoolChangesSlice,
  { traffic, shown, needsKey }: PoolChangesOptions,
): void {
  app.openAPIRegistry.register(REQUEST, requestSchema);
  app.openapi(addRoute, async (c) => {
    if (!needsKey) throw needsKeys();
    const body = await traffic.readSmall(c.req.raw);
    if (!isRecord(body) || typeof body.name !== "string") throw noPool();
    // The host checks it like a pool of the configuration.
    const pool = await pools.add(body as PoolInput, { signal: c.req.raw.signal });
    c.header("location", `/v1/pools/${encodeURIComponent(pool.name)}`);
    return c.json(shownPool(pool, shown), 201);
  });
  app.openapi(removeRoute, async (c) => {
    const { drainMs } = onceEach(c.req.queries(), ["drainMs"]);
    const { name } = c.req.valid("param");
    await pools.remove(name, drainMs === undefined ? {} : { drainMs: drainOf(drainMs) });
    return c.body(null, 204);
  });
}

/** Returns the time in a query; the host refuses one that is too long. */
function drainOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const message = `given ${shownValue(text)}; allowed: a whole number of milliseconds`;
  throw invalidBody([{ path: "drainMs", message }]);
}

/** Every program of the machine could run code as the user of the host. */
function needsKeys(): SnakedenError {
  return new SnakedenError(
    "forbidden",
    "Cannot add a pool: this server has no API key, so every program of this machine could run " +
      "code here; allowed on a server with apiKey or apiKeyFile",
  );
}

function noPool(): Error {
  const message = 'allowed: an object such as {"name":"more","adapter":"texts:Texts","size":2}';
  return invalidBody([{ path: "", message }]);
}
