import { HOST_ENV } from "../process/mod.ts";
import type { ToolInfo } from "../tools/mod.ts";

/** The facts about a server that its first words depend on. */
export interface ServerFacts {
  /** The address of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly tools: readonly ToolInfo[];
  readonly pools: number;
  /** True if requests need an API key. */
  readonly needsKey: boolean;
  /** The file with the API keys, if they come from one. */
  readonly keyFile?: string | undefined;
  /** True if all tools are those of the demo. */
  readonly isDemo: boolean;
}

/**
 * Returns what a person can do next with a server that has started: a command line that calls one
 * of its tools, and the page that shows all of them. The command line reads the API key from its
 * file or from the environment, and never contains it.
 */
export function nextSteps(facts: ServerFacts): string {
  const { url, tools, pools, needsKey, keyFile, isDemo } = facts;
  const demo = isDemo
    ? "These are the tools of the demo; docs/adapters.md shows how to serve your own.\n"
    : "";
  const key = needsKey && keyFile === undefined ? `, with your key in ${HOST_ENV.apiKey}` : "";
  return `
Serving ${counted(tools.length, "tool")} in ${counted(pools, "pool")}. Call one${key}:

  ${exampleCall(facts)}

Read about all tools, and try them: ${url}/docs
${demo}Stop the server with Ctrl-C.

`;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Returns a line for a shell that calls a tool, or lists the tools if none is easy to call. */
function exampleCall({ url, tools, needsKey, keyFile }: ServerFacts): string {
  // The first line that is not empty is a key.
  const value = keyFile === undefined ? `$${HOST_ENV.apiKey}` : `$(grep -m1 . ${quoted(keyFile)})`;
  const key = needsKey ? ` -H "X-API-Key: ${value}"` : "";
  const calls = tools.flatMap((tool) => {
    const args = exampleArguments(tool.inputSchema);
    return args === undefined ? [] : [{ tool, args }];
  });
  const [call] = calls.sort((a, b) => difficulty(a) - difficulty(b));
  if (call === undefined) return `curl -s ${quoted(`${url}/v1/tools`)}${key}`;
  const body = quoted(JSON.stringify({ tool: call.tool.name, args: call.args }));
  const [flags, path] = call.tool.streams ? ["-sN", "/v1/stream"] : ["-s", "/v1/execute"];
  return `curl ${flags} ${quoted(url + path)}${key} -H 'content-type: application/json' -d ${body}`;
}

/** Returns the text as one word of a shell. */
function quoted(text: string): string {
  return /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Ranks a tool as an example: 0 is best. Streams, no arguments and made-up texts rank lower. */
function difficulty({ tool, args }: { tool: ToolInfo; args: Record<string, unknown> }): number {
  const values = Object.values(args);
  const isEmpty = values.length === 0;
  const hasText = values.some((it) => typeof it === "string");
  return (tool.streams ? 4 : 0) + (isEmpty ? 2 : 0) + (hasText ? 1 : 0);
}

const TEXT_KEYWORDS = new Set(["type", "title", "description"]);

type Schema = Readonly<Record<string, unknown>>;

/** Returns a value for each required argument, or undefined if one cannot be made up. */
function exampleArguments(schema: Schema): Record<string, unknown> | undefined {
  const properties = schema.properties as Readonly<Record<string, Schema>> | undefined;
  const required = (schema.required ?? []) as readonly string[];
  const values = required.map((name, i) => {
    // A text of this name must be the name of something that exists.
    if (/path|file|dir|url|uri|id$/i.test(name)) return [name, undefined];
    return [name, exampleValue(properties?.[name] ?? {}, i)];
  });
  return values.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(values);
}

function exampleValue(schema: Schema, place: number): unknown {
  const { enum: choices, anyOf: branches, ...constraints } = schema;
  const given = schema.const ?? schema.default ?? (Array.isArray(choices) ? choices[0] : undefined);
  if (given !== undefined) return given;
  if (Array.isArray(branches)) {
    return branches.map((it) => exampleValue(it, place)).find((it) => it !== undefined);
  }
  if (Object.keys(constraints).length === 0) return "hello";
  switch ([schema.type].flat()[0]) {
    case "integer":
    case "number":
      return exampleNumber(schema, place);
    case "boolean":
      return true;
    case "string":
      // Any other keyword may refuse the text: a pattern, a length, an encoding of bytes.
      return Object.keys(schema).every((it) => TEXT_KEYWORDS.has(it)) ? "hello" : undefined;
    default:
      return undefined;
  }
}

/** Returns a small number within the limits; numbers of one call differ. */
function exampleNumber(schema: Schema, place: number): number | undefined {
  const { minimum = 0, maximum = Infinity, exclusiveMaximum = Infinity } = schema;
  const number = Math.max(Number(minimum), 2 + place);
  const fits = number <= Number(maximum) && number < Number(exclusiveMaximum) &&
    number > Number(schema.exclusiveMinimum ?? -Infinity) && schema.multipleOf === undefined;
  return fits ? number : undefined;
}
