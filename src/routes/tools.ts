import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ToolInfo, ToolsOptions } from "../tools/mod.ts";
import type { AppEnv } from "./http/mod.ts";
import type { PoolsSlice } from "./pools/mod.ts";
import { problemAnswers, schemaOf } from "./schema/mod.ts";

const jsonSchema = z.record(z.string(), z.unknown()).openapi({ description: "A JSON Schema." });

const toolSchema = schemaOf<ToolInfo>()(
  z.object({
    name: z.string().openapi({ example: "add" }),
    runsIn: z.enum(["host", "worker"]).openapi({
      description: "`worker` for a tool in Python, `host` for one in TypeScript.",
    }),
    pool: z.string().optional().openapi({
      description: "Name of its pool; absent if it runs in the host.",
      example: "default",
    }),
    sessionId: z.string().optional().openapi({
      description: "Session whose calls alone may use it; absent for all calls.",
    }),
    description: z.string(),
    inputSchema: jsonSchema,
    outputSchema: jsonSchema.optional(),
    streams: z.boolean().openapi({
      description: "True for a tool that sends its result in chunks.",
    }),
    idempotent: z.boolean().openapi({
      description: "True for a tool that may run again after its worker has died.",
    }),
    timeoutMs: z.number().optional().openapi({
      description: "Deadline of a call that names none; absent for that of the pool.",
    }),
    stallTimeoutMs: z.number().optional().openapi({
      description:
        "Time that a call may show nothing; absent for that of the pool, or for a host " +
        "tool without a limit.",
    }),
    mediaType: z.string().optional().openapi({
      description: "Type of the bytes that it returns, if it declares one.",
      example: "image/png",
    }),
    exposeHttp: z.boolean().optional().openapi({
      description: "True for a host tool that can be called over HTTP; absent for other tools.",
    }),
    expose: z.union([z.literal("all"), z.array(z.string())]).optional().openapi({
      description: "Pools whose tools may call a host tool; absent for other tools.",
    }),
    metadata: z.record(z.string(), z.unknown()).optional().openapi({
      description: "Facts about a host tool, if there are some.",
    }),
    workerId: z.string().optional().openapi({
      description: "Worker that has registered it while it ran; its calls wait for this worker.",
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
      // If there are several, the first counts.
      pool: z.preprocess((it) => Array.isArray(it) ? it[0] : it, z.string().optional())
        .openapi({ type: "string", description: "Name of the only pool to list." }),
      sessionId: z.preprocess((it) => Array.isArray(it) ? it[0] : it, z.string().optional())
        .openapi({
          type: "string",
          description: "Session whose own tools are listed too.",
        }),
    }),
  },
  responses: {
    200: {
      description: "The tools of all pools and of the host, or those of one pool.",
      content: { "application/json": { schema: z.object({ tools: z.array(toolSchema) }) } },
    },
    ...problemAnswers(404),
  },
});

/** The part of the host that {@link addTools} uses. */
export interface ToolsSlice {
  list(options?: ToolsOptions): ToolInfo[];
}

/** Adds `GET /v1/tools`. */
export function addTools(
  app: OpenAPIHono<AppEnv>,
  tools: ToolsSlice,
  { pools }: { readonly pools: Pick<PoolsSlice, "get"> },
): void {
  app.openapi(route, (c) => {
    const { pool, sessionId } = c.req.valid("query");
    const all = tools.list({ sessionId }).map(plain);
    if (pool === undefined) return c.json({ tools: all }, 200);
    const { name } = pools.get(pool);
    return c.json({ tools: all.filter((it) => it.pool === name) }, 200);
  });
}

/** Returns a tool with lists that may be changed, as the schema has them. */
function plain(
  { expose, ...tool }: ToolInfo,
): Omit<ToolInfo, "expose"> & { expose?: string[] | "all" } {
  if (expose === undefined) return tool;
  return { ...tool, expose: expose === "all" ? expose : [...expose] };
}
