import type { OpenAPIHono } from "@hono/zod-openapi";
import { SCRIPT_ENV } from "../../environment_names.ts";
import { OVER_HTTP, type ToolInfo, type ToolsOptions } from "../../tools/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { describeAnswers } from "./openapi_answers.ts";
import { callSchemas, type Schema, withCallExamples } from "./openapi_calls.ts";

/** The path of the OpenAPI document. */
export const OPENAPI_PATH = "/openapi.json";

const DESCRIPTION = "Calls Python functions on warm, supervised workers. " +
  "Errors are `application/problem+json` (RFC 9457), and every response has an `x-request-id`. " +
  "The schema `args.POOL.TOOL` describes the arguments of a tool of a pool, and " +
  "`args.HOST.TOOL` those of a host tool.";

const WITH_KEY = " Requests need an API key, in the header `authorization: Bearer KEY` or " +
  "`x-api-key: KEY`.";

const TAGS = [
  { name: "calls", description: "Run tools." },
  { name: "tools", description: "List the tools." },
  { name: "pools", description: "Inspect pools, and replace their workers." },
  { name: "workers", description: "Inspect and replace workers." },
  {
    name: "sessions",
    description: "Keep variables and metadata between calls, and follow their changes.",
  },
  { name: "programs", description: "Store calls of tools by name, and run them." },
  { name: "jobs", description: "Submit durable work, and follow it." },
  { name: "files", description: "Keep files for calls and jobs, and fetch them." },
  { name: "queues", description: "Inspect and pause the queues of jobs." },
  { name: "hardware", description: "Show the machine and its devices." },
  { name: "operations", description: "Check that the server is up and can serve." },
];

/** The two headers that can hold the key, and the token of a job. */
const SECURITY_SCHEMES = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "The API key in `authorization: Bearer KEY`.",
  },
  header: {
    type: "apiKey",
    in: "header",
    name: "x-api-key",
    description: "The API key in `x-api-key: KEY`, for clients that cannot set `authorization`.",
  },
  jobToken: {
    type: "http",
    scheme: "bearer",
    description:
      `The token of an attempt of a job, in \`authorization: Bearer TOKEN\`. A program that ` +
      `runs as a job has it as \`${SCRIPT_ENV.token}\`, and may use the operations that name ` +
      "this scheme, for itself and the jobs that it submits.",
  },
} as const;

/** The schemes of an API key. */
const KEYS: Record<string, string[]>[] = [{ bearer: [] }, { header: [] }];

/** The part of the host that {@link addOpenApi} uses. */
export interface DescribedTools {
  list(options?: ToolsOptions): ToolInfo[];
}

/** Options of the document. */
export interface OpenApiOptions {
  readonly version: string;
  /** True when requests must have an API key. */
  readonly needsKey: boolean;
}

/** Adds `GET /openapi.json`: OpenAPI 3.1, with the schemas of the tools that run now. */
export function addOpenApi(
  app: OpenAPIHono<AppEnv>,
  tools: DescribedTools,
  options: OpenApiOptions,
): void {
  app.get(OPENAPI_PATH, (c) => c.json(describe(app, tools.list(OVER_HTTP), options)));
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
      description: needsKey ? DESCRIPTION + WITH_KEY : DESCRIPTION,
    },
    servers: [{ url: "/" }],
    tags: TAGS,
    security: needsKey ? KEYS : [],
  });
  const called = withCallExamples(document.paths ?? {}, tools);
  const { paths, components } = describeAnswers(called, {
    needsKey,
    ofToken: [...(needsKey ? KEYS : [{}]), { jobToken: [] }],
  });
  return {
    ...document,
    // The types of the generator know only the license of OpenAPI 3.0.
    info: { ...document.info, license: { name: "MIT", identifier: "MIT" } },
    paths,
    components: {
      ...document.components,
      ...components,
      schemas: { ...document.components?.schemas, ...callSchemas(tools) },
      securitySchemes: needsKey ? SECURITY_SCHEMES : { jobToken: SECURITY_SCHEMES.jobToken },
    },
  };
}
