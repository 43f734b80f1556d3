import type { ToolInfo } from "../../tools/mod.ts";
import { CALL_REQUEST, callRequestSchema } from "../calls/mod.ts";
import { JOB_REQUEST } from "../jobs/mod.ts";
import { easiestFirst, exampleBody } from "../pages/mod.ts";

/** A JSON Schema, or any other part of an OpenAPI document. */
export type Schema = Readonly<Record<string, unknown>>;

/** Schemas by their name under `components.schemas`. */
type Schemas = Readonly<Record<string, Schema>>;

/**
 * Returns the schemas of the running tools: `args.POOL.TOOL` for the arguments of each tool,
 * `call.TOOL` for a whole call, and `CallRequest` for one of these calls. While
 * no tool runs, `CallRequest` is a call of any tool.
 */
export function callSchemas(tools: readonly ToolInfo[]): Schemas {
  if (tools.length === 0) return { [CALL_REQUEST]: callRequestSchema };
  const args = tools.map((tool) => [argsName(tool), argsSchema(tool)] as const);
  const byName = [...Map.groupBy(tools, ({ name }) => name)];
  const calls = byName.map(([name, its]) => [callName(name), callOf(name, its)] as const);
  const union = {
    description: "A call of one of the tools that run.",
    oneOf: calls.map(([name]) => ({ $ref: refTo(name) })),
    discriminator: {
      propertyName: "tool",
      mapping: Object.fromEntries(byName.map(([name]) => [name, refTo(callName(name))])),
    },
  };
  return { ...Object.fromEntries(args), ...Object.fromEntries(calls), [CALL_REQUEST]: union };
}

/**
 * Adds an example of a call of each running tool to the operations that take calls or jobs. Clients
 * with forms, such as `/docs`, would otherwise fill in every optional field.
 */
export function withCallExamples(paths: object, tools: readonly ToolInfo[]): object {
  const examples = new Map([
    [refTo(CALL_REQUEST), callExamples(tools)],
    // A host tool cannot be a job.
    [refTo(JOB_REQUEST), callExamples(tools.filter(({ pool }) => pool !== undefined))],
  ]);
  return mapValues(paths, (item: object) =>
    mapValues(item, (operation: CallOperation) => {
      const { requestBody } = operation;
      const json = requestBody?.content?.["application/json"];
      const own = examples.get(json?.schema?.$ref ?? "");
      if (own === undefined || Object.keys(own).length === 0) return operation;
      const content = { ...requestBody?.content, "application/json": { ...json, examples: own } };
      return { ...operation, requestBody: { ...requestBody, content } };
    }));
}

interface CallOperation {
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>;
  };
}

function mapValues<Item>(of: object, map: (item: Item) => unknown): object {
  return Object.fromEntries(Object.entries(of).map(([key, item]) => [key, map(item)]));
}

/** Returns an example of a call for each running tool, by its name. */
function callExamples(tools: readonly ToolInfo[]): Schemas {
  const byName = Map.groupBy(tools, ({ name }) => name);
  // Pages such as `/docs` fill in the first one.
  return Object.fromEntries(
    easiestFirst(tools).map((tool) => {
      const isShared = (byName.get(tool.name)?.length ?? 0) > 1;
      const name = isShared ? `${tool.name} in ${placeOf(tool)}` : tool.name;
      return [name, { summary: name, value: exampleBody(tool, { isShared }) }];
    }),
  );
}

function callOf(name: string, tools: readonly ToolInfo[]): Schema {
  const needsArgs = tools.every((it) => isFilled(it.inputSchema.required));
  const refs = tools.map((it) => ({ $ref: refTo(argsName(it)) }));
  return {
    ...callRequestSchema,
    properties: {
      ...(callRequestSchema.properties as Schema),
      tool: { type: "string", const: name },
      args: refs.length === 1 ? refs[0] : { anyOf: refs },
    },
    required: needsArgs ? ["tool", "args"] : ["tool"],
  };
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

/** Returns a tool's schema as a component, with its inner references pointing to the new place. */
function argsSchema(tool: ToolInfo): Schema {
  const own = JSON.stringify("#/$defs/").slice(0, -1);
  const there = JSON.stringify(`${refTo(argsName(tool))}/$defs/`).slice(0, -1);
  const { $schema: _dialect, ...schema } = tool.inputSchema;
  const text = JSON.stringify({ description: tool.description, ...schema });
  return JSON.parse(text.replaceAll(`"$ref":${own}`, `"$ref":${there}`)) as Schema;
}

function argsName(tool: ToolInfo): string {
  return `args.${componentName(placeOf(tool))}.${componentName(tool.name)}`;
}

/** Returns the pool of a tool; `HOST`, which no pool can be named, if it runs in the host. */
function placeOf({ pool = "HOST" }: ToolInfo): string {
  return pool;
}

function callName(tool: string): string {
  return `call.${componentName(tool)}`;
}

/** Returns the name of a component, which must be ASCII: other characters become code points. */
function componentName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/gu, (it) => `.u${it.codePointAt(0)?.toString(16)}`);
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}
