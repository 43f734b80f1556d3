import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { isRecord } from "../../json/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import type { RecycleRequest, Recycling } from "../../pool/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import type { PoolsSlice } from "./pools.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";

/** The most ids in one request; no pool has more workers. */
const MAX_WORKERS = 256;

/** The component of the OpenAPI document that holds the schema of the body. */
const REQUEST = "RecycleRequest";

const requestSchema = z.strictObject({
  workers: z.array(z.string().min(1)).min(1).max(MAX_WORKERS).optional()
    .openapi({ description: "Ids of the workers; by default all workers of the pool." }),
});

const route = createRoute({
  method: "post",
  path: "/v1/pools/{name}/recycle",
  operationId: "recyclePool",
  tags: ["pools"],
  summary: "Replace the workers of a pool",
  description: "Replaces one worker after the other: the old worker finishes its calls and ends, " +
    "and a successor takes over, which starts before or after that, as `replace` of the pool " +
    "says. New workers load the code of the adapter as it is then. Responds at once; `GET /v1/workers` shows the progress.",
  request: {
    params: z.object({ name: z.string() }),
    body: bodyByReference(REQUEST, { required: false }),
  },
  responses: {
    202: {
      description: "These workers are being replaced.",
      content: {
        "application/json": { schema: z.object({ workers: z.array(z.string()).readonly() }) },
      },
    },
    ...problemAnswers(400, 404, 408, 413, 415, 503),
  },
});

/** The part of the host that {@link addRecycle} uses. */
export interface RecycleSlice extends Pick<PoolsSlice, "get"> {
  /** @throws {SnakedenError} `unknown_pool`, `unknown_worker`, `shutting_down`. */
  startRecycle(request: RecycleRequest): Recycling;
}

/** Adds `POST /v1/pools/:name/recycle`. */
export function addRecycle(
  app: OpenAPIHono<AppEnv>,
  pools: RecycleSlice,
  { traffic }: { readonly traffic: Traffic },
): void {
  app.openAPIRegistry.register(REQUEST, requestSchema);
  app.openapi(route, async (c) => {
    const { name: pool } = pools.get(c.req.valid("param").name);
    const workers = await readWorkers(c.req.raw, traffic);
    const started = pools.startRecycle({ pool, ...(workers === undefined ? {} : { workers }) });
    return c.json({ workers: started.workers }, 202);
  });
}

/** Returns the ids in a request; undefined, for all workers, if there are none or no body. */
async function readWorkers(
  request: Request,
  traffic: Traffic,
): Promise<string[] | undefined> {
  const body = await traffic.readOptional(request);
  if (body === undefined) return undefined;
  const issues = isRecord(body)
    ? [...unknownKeys(body), ...workerIssues(body["workers"])]
    : [{ path: "", message: 'allowed: an object such as {"workers":["default-1"]}' }];
  if (issues.length > 0) {
    const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
    throw new InvalidInputError(`Cannot recycle the pool: ${list.join("; ")}`, issues);
  }
  const { workers } = requestSchema.parse(body);
  return workers;
}

function unknownKeys(body: Readonly<Record<string, unknown>>): FieldIssue[] {
  return Object.keys(body).filter((key) => key !== "workers")
    .map((key) => ({ path: key, message: `unknown key; ${suggestion(key, ["workers"])}` }));
}

function workerIssues(workers: unknown): FieldIssue[] {
  if (requestSchema.shape.workers.safeParse(workers).success) return [];
  const allowed = `allowed: a list of 1 to ${MAX_WORKERS} ids of workers`;
  return [{ path: "workers", message: allowed }];
}
