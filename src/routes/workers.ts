import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { DEVICE_KINDS } from "../hardware/mod.ts";
import type { StopWorkerOptions, WorkerInfo } from "../pool/mod.ts";
import { isLocal } from "./access/mod.ts";
import type { AppEnv, Shown } from "./http/mod.ts";
import { onceEach, problemAnswers, schemaOf } from "./schema/mod.ts";

const workerSchema = schemaOf<WorkerInfo>()(
  z.object({
    id: z.string().openapi({ example: "default-1" }),
    incarnation: z.string().openapi({
      description: "The id of one life of a worker; never used again.",
    }),
    pool: z.string().openapi({ example: "default" }),
    state: z.enum(["starting", "ready", "busy", "stopping", "gone"]),
    startedAt: z.iso.datetime(),
    calls: z.number().int().nonnegative().openapi({ description: "Calls that it has been given." }),
    capacity: z.number().int().positive().openapi({
      description: "The most calls that it runs at a time.",
    }),
    begun: z.number().int().nonnegative().openapi({ description: "Calls that run in it." }),
    lastUsedAt: z.iso.datetime().optional().openapi({
      description: "When it last ended a call; now while it has one. Absent before the first.",
    }),
    pid: z.number().int().optional(),
    launcher: z.enum(["spawn", "prefork"]).optional().openapi({
      description: "The way in which it was really started; absent until the worker is ready.",
    }),
    pythonVersion: z.string().optional().openapi({ example: "3.12.4" }),
    gil: z.boolean().optional().openapi({
      description: "False if several threads run Python code at a time.",
    }),
    replaceCause: z.enum([
      "max_age",
      "max_calls",
      "max_memory",
      "recycled",
      "stopped",
      "scaled_down",
      "code_changed",
      "call_stuck",
      "reaper_lost",
    ]).optional().openapi({ description: "Why it is replaced, or will be." }),
    device: z.object({
      id: z.string().openapi({ example: "cuda:0" }),
      kind: z.enum(DEVICE_KINDS),
      name: z.string().openapi({ example: "NVIDIA L4" }),
      uuid: z.string().optional().openapi({
        description: "The vendor's unique id; absent for callers without rights.",
      }),
      share: z.number().openapi({ description: "The part of the device that it may use." }),
    }).optional().openapi({ description: "The device that the worker is given." }),
    rssBytes: z.number().int().optional()
      .openapi({ description: "Resident memory of the worker and its children." }),
    deviceUses: z.array(z.object({
      framework: z.string().openapi({ example: "torch" }),
      version: z.string().openapi({ example: "2.15.0+cpu" }),
      state: z.enum(["used", "unused", "unable", "unknown"]).openapi({
        description: "`unused`: it has nothing on the device. `unable`: it cannot use the device.",
      }),
      text: z.string().openapi({ example: "torch 2.15.0+cpu is built without CUDA" }),
      memoryBytes: z.number().int().nullable(),
    })).readonly().optional().openapi({
      description: "The uses that frameworks made of its device when it became ready.",
    }),
    blockedTools: z.array(z.object({
      tool: z.string().openapi({ example: "fetch_page" }),
      times: z.number().int().nonnegative(),
      longestMs: z.number().int().nonnegative(),
      stack: z.string().openapi({ description: "Empty unless `shown.output` is set." }),
    })).readonly().optional().openapi({
      description: "The tools that have held up the event loop that all calls of it share.",
    }),
    warnings: z.array(z.enum(["device_not_used", "call_stuck"])).readonly().optional()
      .openapi({ description: "Problems that do not keep it from serving." }),
  }).openapi("Worker"),
);

const listRoute = createRoute({
  method: "get",
  path: "/v1/workers",
  operationId: "listWorkers",
  tags: ["workers"],
  summary: "List the workers",
  responses: {
    200: {
      description: "The workers of all pools.",
      content: { "application/json": { schema: z.object({ workers: z.array(workerSchema) }) } },
    },
  },
});

const stopRoute = createRoute({
  method: "delete",
  path: "/v1/workers/{id}",
  operationId: "stopWorker",
  tags: ["workers"],
  summary: "Stop a worker",
  description:
    "Another worker takes over, and this one finishes its calls and ends. Responds when " +
    "it is gone.",
  request: {
    params: z.object({ id: z.string() }),
    query: z.object({
      mode: z.string().optional().openapi({
        enum: ["soft", "hard"],
        description:
          "`soft` (the default) lets it finish its calls; `hard` kills it, and they fail.",
      }),
    }),
  },
  responses: { 204: { description: "The worker is gone." }, ...problemAnswers(400, 404) },
});

/** The part of the host that {@link addWorkers} uses. */
export interface WorkersSlice {
  list(): WorkerInfo[];
  /** @throws {SnakedenError} `unknown_worker`, with similar ids. */
  stop(id: string, options?: StopWorkerOptions): Promise<void>;
}

/** Adds `GET /v1/workers` and `DELETE /v1/workers/:id`. */
export function addWorkers(
  app: OpenAPIHono<AppEnv>,
  workers: WorkersSlice,
  { shown, needsKey }: { readonly shown: Shown; readonly needsKey: boolean },
): void {
  const show = shown.output ? (it: WorkerInfo): WorkerInfo => it : withoutExceptions;
  app.openapi(listRoute, (c) => {
    const list = workers.list().map(show);
    // With a key, no request comes this far without it.
    return c.json({ workers: needsKey || isLocal(c.env) ? list : list.map(anonymous) }, 200);
  });
  app.openapi(stopRoute, async (c) => {
    const { mode } = onceEach(c.req.queries(), ["mode"]);
    // The host refuses other words.
    const options = mode === undefined ? {} : { mode: mode as StopWorkerOptions["mode"] & string };
    await workers.stop(c.req.valid("param").id, options);
    return c.body(null, 204);
  });
}

/** Removes what identifies the machine. */
function anonymous({ device, ...rest }: WorkerInfo): WorkerInfo {
  if (device === undefined) return rest;
  const { uuid: _uuid, ...shown } = device;
  return { ...rest, device: shown };
}

/**
 * Removes the messages of exceptions, which may contain paths, from the uses of devices, and the
 * stacks of tools.
 */
function withoutExceptions({ deviceUses, blockedTools, ...rest }: WorkerInfo): WorkerInfo {
  return {
    ...rest,
    ...(deviceUses === undefined ? {} : {
      deviceUses: deviceUses.map((it) =>
        it.state === "unknown" ? { ...it, text: `${it.framework} could not be asked` } : it
      ),
    }),
    ...(blockedTools === undefined
      ? {}
      : { blockedTools: blockedTools.map((it) => ({ ...it, stack: "" })) }),
  };
}
