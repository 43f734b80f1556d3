import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ToolInfo } from "../tools/mod.ts";
import type { AppEnv } from "./app_env.ts";
import type { Engine } from "./engine.ts";

/** Where the description is served. */
export const OPENAPI_PATH = "/openapi.json";

const DESCRIPTION = "Calls Python functions on warm, supervised workers. " +
  "Errors are `application/problem+json` (RFC 9457); every answer has an `x-request-id`. " +
  "The arguments of each tool that runs stand under the schemas as `args.POOL.TOOL`.";

type Document = ReturnType<OpenAPIHono<AppEnv>["getOpenAPI31Document"]>;

/** `GET /openapi.json`: OpenAPI 3.1, with the schemas of the tools that run now. */
export function addOpenApi(app: OpenAPIHono<AppEnv>, engine: Engine, version: string): void {
  app.get(OPENAPI_PATH, (c) => c.json(describe(app, engine, version)));
}

function describe(app: OpenAPIHono<AppEnv>, engine: Engine, version: string): Document {
  const secured = engine.config.apiKey !== undefined;
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Snakeden",
      version,
      description: DESCRIPTION,
      license: { name: "MIT" },
    },
    servers: [{ url: "/" }],
    ...(secured ? { security: [{ apiKey: [] }] } : {}),
  });
  const tools = Object.fromEntries(engine.tools().map(argsSchema));
  return {
    ...document,
    components: {
      ...document.components,
      schemas: { ...document.components?.schemas, ...tools },
      ...(secured
        ? { securitySchemes: { apiKey: { type: "http" as const, scheme: "bearer" } } }
        : {}),
    },
  };
}

/** A tool's schema as a component; its inner references have to point to the new place. */
function argsSchema(tool: ToolInfo): [string, Record<string, unknown>] {
  const name = `args.${tool.pool}.${tool.name}`.replaceAll(/[^\w.-]/g, "_");
  const text = JSON.stringify({ description: tool.description, ...tool.inputSchema })
    .replaceAll('"$ref":"#/$defs/', `"$ref":"#/components/schemas/${name}/$defs/`);
  return [name, JSON.parse(text) as Record<string, unknown>];
}
