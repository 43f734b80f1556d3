import { z } from "zod";
import type { Config } from "../../src/config/mod.ts";
import { isRecord } from "../../src/json/mod.ts";
import type { DescribedTool } from "../../src/types_gen/mod.ts";

/** The constructors of generator functions. */
const GENERATORS: readonly unknown[] = [
  Object.getPrototypeOf(function* (): Generator<unknown> {}).constructor,
  Object.getPrototypeOf(async function* (): AsyncGenerator<unknown> {}).constructor,
];

/** Describes the tools in `hostTools` of a configuration; none if it has no such key. */
export function hostToolsOf(config: Config): DescribedTool[] {
  const { hostTools } = config as { readonly hostTools?: unknown };
  return Array.isArray(hostTools) ? hostTools.filter(isRecord).map(describe) : [];
}

function describe(tool: Readonly<Record<string, unknown>>): DescribedTool {
  const { name, description, input, output, streams, run } = tool;
  const isGenerator = typeof run === "function" && GENERATORS.includes(run.constructor);
  return {
    name: String(name),
    description: typeof description === "string" ? description : "",
    inputSchema: isSchema(input)
      ? jsonSchema(input, "input")
      : { type: "object", additionalProperties: {} },
    ...(isSchema(output) ? { outputSchema: jsonSchema(output, "output") } : {}),
    streams: typeof streams === "boolean" ? streams : isGenerator,
  };
}

/** Returns true for a schema of any copy of zod 4. */
function isSchema(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value;
}

/** Returns the schema of what a caller gives, or gets. What JSON Schema cannot say is anything. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io, unrepresentable: "any" }) };
}
