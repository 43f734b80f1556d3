import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { CircuitInfo, PoolInfo, ReloadInfo } from "../../pool/mod.ts";
import type { AppEnv, Shown } from "../http/mod.ts";
import { errorCodeSchema, problemAnswers, schemaOf } from "../schema/mod.ts";

const count = z.number().int().nonnegative();

const circuitSchema = schemaOf<CircuitInfo>()(
  z.object({
    state: z.enum(["closed", "open", "half_open"]),
    failures: count.openapi({ description: "Failures in a row." }),
    opened: count.openapi({ description: "Number of times that it has opened." }),
    refused: count.openapi({ description: "Calls that it has refused." }),
    lastFailure: errorCodeSchema.optional().openapi({ example: "worker_crashed" }),
    retryAfterMs: count.optional().openapi({ description: "Time until it lets a call pass." }),
  }).openapi("Circuit"),
);

const statsSchema = z.object({
  requests: count,
  completed: count.openapi({ description: "Calls that returned a result." }),
  failed: count.openapi({
    description: "Calls that ended with an error of the tool or of its arguments.",
  }),
  cancelled: count.openapi({ description: "Calls whose caller left." }),
  timedOut: count,
  crashed: count.openapi({ description: "Calls whose worker died, and that could not run again." }),
  refused: count.openapi({
    description: "Calls that were never accepted, or rejected while queued.",
  }),
  saturated: count.openapi({ description: "The part of `refused` for which the queue was full." }),
  restarts: count.openapi({ description: "Workers that were started to replace others." }),
  recycled: count.openapi({ description: "The part of `restarts` that replaced healthy workers." }),
});

const crashKindSchema = z.enum([
  "segfault",
  "bus_error",
  "illegal_instruction",
  "floating_point",
  "abort",
  "fatal_error",
  "out_of_memory",
  "killed",
  "terminated",
  "cpu_limit",
  "signal",
  "exit",
  "protocol_error",
  "link_lost",
  "killed_by_host",
]);

/** A pool in answers. */
export const poolSchema = schemaOf<PoolInfo>()(
  z.object({
    name: z.string().openapi({ example: "default" }),
    adapter: z.string().openapi({ example: "snakeden.demo" }),
    profile: z.string().openapi({ example: "process" }),
    launcher: z.enum(["spawn", "prefork"]).openapi({
      description: "The way in which its workers are started.",
    }),
    template: z.object({
      pid: z.number().int(),
      rssBytes: z.number().int().openapi({
        description: "Resident memory, which its workers share as long as they do not write to it.",
      }),
    }).optional().openapi({
      description: "The process from which its workers are forked. It is no worker.",
    }),
    launcherFallback: z.string().optional().openapi({
      description: "The reason why its workers are spawned, although its launcher is `prefork`.",
      example: "the preload of numpy raised ModuleNotFoundError: No module named 'numpy'",
    }),
    capacity: count.openapi({
      description: "The most calls that its workers run at a time, all together.",
    }),
    size: count.openapi({ description: "Most workers that the pool may have." }),
    min: count.openapi({
      description: "Fewest workers; less than `size` if their number depends on the work.",
    }),
    max: count.openapi({ description: "Most workers; the same as `size`." }),
    spare: count.openapi({
      description: "Idle workers that are kept ready beyond those that are busy.",
    }),
    paused: z.boolean().openapi({ description: "True while no call is sent to a worker." }),
    devices: z.array(z.string()).readonly().optional().openapi({
      description: "The devices that its workers are given.",
      example: ["cuda:0", "cuda:1"],
    }),
    state: z.enum(["starting", "ready", "unhealthy", "stopping", "stopped"]),
    reason: z.string().optional().openapi({
      description:
        "The reason why the pool has no worker: the last failed start, with the end of " +
        "its traceback.",
    }),
    workers: z.object({ ready: count, busy: count, starting: count }),
    begun: count.openapi({ description: "Calls that run." }),
    queued: count.openapi({ description: "Calls that are waiting for a worker." }),
    queueLimit: count,
    stats: statsSchema.openapi({ description: "How calls have ended so far." }),
    crashes: z.object({
      total: count.openapi({ description: "Workers that have ended without being stopped." }),
      windowMs: count.openapi({ description: "The time that `recent` covers." }),
      recent: z.partialRecord(crashKindSchema, count).openapi({
        description: "Crashes by kind.",
        example: { segfault: 1 },
      }),
      reruns: count.openapi({ description: "Calls that ran again because their worker died." }),
      poisoned: count.openapi({
        description: "Calls that were given up or refused because they kill workers.",
      }),
    }),
    tainted: z.array(z.object({ workerId: z.string(), remainingMs: count })).readonly().openapi({
      description: "Slots left empty for a while, because their workers crashed too often.",
    }),
    unhealthyDevices: z.array(
      z.object({ deviceId: z.string(), remainingMs: count, reason: z.string() }),
    ).readonly().openapi({
      description: "Devices whose slots are left empty for a while, because workers crashed too " +
        "often on them.",
      example: [{
        deviceId: "cuda:0",
        remainingMs: 8_000,
        reason: "its workers crashed 5 times within 60000 ms; it is tried again in 8000 ms",
      }],
    }),
    reload: schemaOf<ReloadInfo>()(
      z.object({
        state: z.enum(["loading", "loaded", "failed"]),
        changedAt: z.iso.datetime(),
        files: z.array(z.string()).readonly().openapi({ description: "The files that changed." }),
        reason: z.string().optional().openapi({
          description: "Why no worker could start with the new code, with the traceback. The old " +
            "workers serve on.",
        }),
      }),
    ).optional().openapi({ description: "The last change of the code, where it is watched." }),
    policies: z.object({
      circuit: circuitSchema.optional().openapi({ description: "The circuit of the whole pool." }),
      toolCircuits: z.record(z.string(), circuitSchema),
      retries: count.openapi({ description: "Attempts that followed failed ones." }),
    }).optional().openapi({ description: "Circuits and retries, if they are configured." }),
  }).openapi("Pool"),
);

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

/** The part of the host that {@link addPools} uses. */
export interface PoolsSlice {
  list(): PoolInfo[];
  /** @throws {SnakedenError} `unknown_pool`, with similar names. */
  get(name: string): PoolInfo;
}

/** Adds `GET /v1/pools` and `GET /v1/pools/:name`. */
export function addPools(
  app: OpenAPIHono<AppEnv>,
  pools: PoolsSlice,
  { shown }: { readonly shown: Shown },
): void {
  const show = (it: PoolInfo): PoolInfo => shownPool(it, shown);
  app.openapi(listRoute, (c) => c.json({ pools: pools.list().map(show) }, 200));
  app.openapi(oneRoute, (c) => c.json(show(pools.get(c.req.valid("param").name)), 200));
}

/** Returns a pool as callers may see it. */
export function shownPool(pool: PoolInfo, { output }: Shown): PoolInfo {
  return output ? pool : withoutReason(pool);
}

/** Removes the reasons of failed starts, which may contain output of workers. */
function withoutReason({ reason: _reason, reload, ...rest }: PoolInfo): PoolInfo {
  if (reload === undefined) return rest;
  const { reason: _problem, ...shown } = reload;
  return { ...rest, reload: shown };
}
