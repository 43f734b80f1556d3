import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { PoolInfo } from "../pool/mod.ts";
import type { ToolInfo } from "../tools/mod.ts";
import type { Engine } from "./engine.ts";
import type { AppEnv } from "./http/mod.ts";
import { problemAnswers, schemaOf } from "./schema/mod.ts";

const jsonSchema = z.record(z.string(), z.unknown()).openapi({ description: "A JSON Schema." });

const toolSchema = schemaOf<ToolInfo>()(
  z.object({
    name: z.string().openapi({ example: "add" }),
    pool: z.string().openapi({ example: "default" }),
    description: z.string(),
    inputSchema: jsonSchema,
    outputSchema: jsonSchema.optional(),
    streams: z.boolean().openapi({ description: "True for a tool that answers in chunks." }),
    idempotent: z.boolean().openapi({
      description: "True for a tool that may run again when a worker dies under it.",
    }),
  }).openapi("Tool"),
);

const route = createRoute({
  method: "get",
  path: "/v1/tools",
  operationId: "listTools",
  tags: ["tools"],
  summary: "List the tools",
  request: {
    query: z.object({
      // Of several the first counts.
      pool: z.preprocess((it) => Array.isArray(it) ? it[0] : it, z.string().optional())
        .openapi({ type: "string", description: "Only this pool." }),
    }),
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
  app.openapi(route, (c) => {
    const { pool } = c.req.valid("query");
    if (pool !== undefined) poolOf(engine, pool);
    const tools = engine.tools.list().filter((it) => pool === undefined || it.pool === pool);
    return c.json({ tools }, 200);
  });
}

/**
 * Returns the pool with this name.
 *
 * @throws {SnakedenError} `unknown_pool`, naming near ones.
 */
export function poolOf(engine: Engine, name: string): PoolInfo {
  const pools = engine.pools.list();
  const pool = pools.find((it) => it.name === name);
  if (pool !== undefined) return pool;
  throw new SnakedenError(
    "unknown_pool",
    `There is no pool ${JSON.stringify(name)}; ${suggestion(name, pools.map((it) => it.name))}`,
    { details: { pool: name } },
  );
}
