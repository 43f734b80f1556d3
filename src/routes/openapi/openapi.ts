import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ToolInfo } from "../../tools/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { describeAnswers } from "./openapi_answers.ts";
import { callSchemas, type Schema } from "./openapi_calls.ts";

/** Where the description is served. */
export const OPENAPI_PATH = "/openapi.json";

const DESCRIPTION = "Calls Python functions on warm, supervised workers. " +
  "Errors are `application/problem+json` (RFC 9457); every answer has an `x-request-id`. " +
  "The arguments of each tool that runs are under the schemas, as `args.POOL.TOOL`.";

const TAGS = [
  { name: "calls", description: "Run tools." },
  { name: "tools", description: "See which tools there are." },
  { name: "pools", description: "See pools and replace their workers." },
  { name: "workers", description: "See workers and replace them." },
  { name: "operations", description: "Ask whether the server is up and can serve." },
];

/** The key may be in either header. */
const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer" },
  header: { type: "apiKey", in: "header", name: "x-api-key" },
} as const;

/** The host, as {@link addOpenApi} sees it. */
export interface DescribedTools {
  list(): ToolInfo[];
}

/** Options of the document. */
export interface OpenApiOptions {
  readonly version: string;
  /** True when requests must have an API key. */
  readonly needsKey: boolean;
}

/** `GET /openapi.json`: OpenAPI 3.1, with the schemas of the tools that run now. */
export function addOpenApi(
  app: OpenAPIHono<AppEnv>,
  tools: DescribedTools,
  options: OpenApiOptions,
): void {
  app.get(OPENAPI_PATH, (c) => c.json(describe(app, tools.list(), options)));
}

function describe(
  app: OpenAPIHono<AppEnv>,
  tools: readonly ToolInfo[],
  { version, needsKey }: OpenApiOptions,
): Schema {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Snakeden",
      version,
      description: DESCRIPTION,
    },
    servers: [{ url: "/" }],
    tags: TAGS,
    security: needsKey ? Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] })) : [],
  });
  const { paths, components } = describeAnswers(document.paths ?? {}, { needsKey });
  return {
    ...document,
    // The types of the generator only know the licence of OpenAPI 3.0.
    info: { ...document.info, license: { name: "MIT", identifier: "MIT" } },
    paths,
    components: {
      ...document.components,
      ...components,
      schemas: { ...document.components?.schemas, ...callSchemas(tools) },
      ...(needsKey ? { securitySchemes: SECURITY_SCHEMES } : {}),
    },
  };
}
