import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { WorkerInfo } from "../pool/mod.ts";
import type { AppEnv } from "./http/mod.ts";
import { problemAnswers, schemaOf } from "./schema/mod.ts";

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
    pid: z.number().int().optional(),
    pythonVersion: z.string().optional().openapi({ example: "3.12.4" }),
    rssBytes: z.number().int().optional()
      .openapi({ description: "Resident memory of the worker and its children." }),
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
  description: "Another worker starts and takes over; then this one finishes its calls and ends. " +
    "Responds when it is gone.",
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: "The worker is gone." }, ...problemAnswers(404) },
});

/** The part of the host that {@link addWorkers} uses. */
export interface WorkersSlice {
  list(): WorkerInfo[];
  /** @throws {SnakedenError} `unknown_worker`, with similar ids. */
  stop(id: string): Promise<void>;
}

/** Adds `GET /v1/workers` and `DELETE /v1/workers/:id`. */
export function addWorkers(app: OpenAPIHono<AppEnv>, workers: WorkersSlice): void {
  app.openapi(listRoute, (c) => c.json({ workers: workers.list() }, 200));
  app.openapi(stopRoute, async (c) => {
    await workers.stop(c.req.valid("param").id);
    return c.body(null, 204);
  });
}
