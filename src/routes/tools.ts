import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { Engine } from "./engine.ts";
import { type AppEnv, problemAnswers } from "./http/mod.ts";

const jsonSchema = z.record(z.string(), z.unknown()).openapi({ description: "A JSON Schema." });

const toolSchema = z.object({
  name: z.string().openapi({ example: "add" }),
  pool: z.string().openapi({ example: "default" }),
  description: z.string(),
  inputSchema: jsonSchema,
  outputSchema: jsonSchema.optional(),
  streams: z.boolean().openapi({ description: "True for a tool that answers in chunks." }),
  idempotent: z.boolean().openapi({
    description: "True for a tool that may run again when a worker dies under it.",
  }),
}).openapi("Tool");

const route = createRoute({
  method: "get",
  path: "/v1/tools",
  operationId: "listTools",
  tags: ["tools"],
  summary: "List the tools",
  request: {
    query: z.object({ pool: z.string().optional().openapi({ description: "Only this pool." }) }),
  },
  responses: {
    200: {
      description: "The tools of all pools, or of one.",
      content: { "application/json": { schema: z.object({ tools: z.array(toolSchema) }) } },
    },
    ...problemAnswers(404),
  },
});

/** `GET /v1/tools`. */
export function addTools(app: OpenAPIHono<AppEnv>, engine: Engine): void {
  app.openAPIRegistry.registerPath(route);
  app.get(route.path, (c) => {
    const pool = c.req.query("pool");
    if (pool !== undefined) assertPool(engine, pool);
    const tools = engine.tools.list().filter((it) => pool === undefined || it.pool === pool);
    return c.json({ tools });
  });
}

/** @throws {SnakedenError} `unknown_pool`, naming near ones. */
export function assertPool(engine: Engine, name: string): void {
  const names = engine.pools.list().map((it) => it.name);
  if (names.includes(name)) return;
  throw new SnakedenError(
    "unknown_pool",
    `There is no pool ${JSON.stringify(name)}; ${suggestion(name, names)}`,
    { details: { pool: name } },
  );
}
