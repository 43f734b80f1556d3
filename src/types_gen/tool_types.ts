import { BIND_PART, CALLER_PART, HEAD, HELPERS, RESERVED } from "./caller_part.ts";
import { Definitions } from "./definitions.ts";
import { docComment } from "./doc_comment.ts";
import { listOf, recordOf, rootSchema, type Schema } from "./json_schema.ts";
import { byName, NameTable, pascalCase } from "./names.ts";
import { declarationText, type HelperType, MAX_LINE, propertyName } from "./type_text.ts";

/** A tool, as `den.tools.list()` and `GET /v1/tools` describe it. */
export interface DescribedTool {
  readonly name: string;
  /** The pool that serves the tool; undefined for a host tool. */
  readonly pool?: string | undefined;
  readonly description?: string;
  /** JSON Schema (2020-12) of the arguments. */
  readonly inputSchema: Schema;
  /** JSON Schema of the result, or of a chunk; undefined if nothing is known. */
  readonly outputSchema?: Schema;
  /** True if the tool sends chunks. */
  readonly streams: boolean;
}

/** A tool as some pools serve it, with the names of its types. */
interface Variant {
  readonly tool: DescribedTool;
  /** The pools that serve exactly this tool. */
  readonly pools: string[];
  readonly argsName: string;
  /** The name of the type of the result, or of a chunk. */
  readonly resultName: string;
}

/** The name of the pool that a call asks first. */
const DEFAULT_POOL = "default";

/** The name of the method that would make a promise of the functions: `await` would call it. */
const THEN = "then";

/**
 * Writes TypeScript for tools: a type for the arguments and the result of each, and `toolsOf()`,
 * which makes functions of them. The text imports nothing, and is the same for the same tools.
 *
 * A tool that several pools serve has the type of the one that a call without `pool` would run: of
 * the pool `default`, else of the first in the list.
 *
 * @example
 * ```ts
 * import { Snakeden, toolTypes } from "snakeden";
 *
 * await using den = await Snakeden.start();
 * console.log(toolTypes(den.tools.list()));
 * ```
 */
export function toolTypes(tools: readonly DescribedTool[]): string {
  const variants = variantsOf(tools);
  const helpers = new Set<HelperType>();
  const names = new NameTable([...RESERVED, ...variants.flatMap(typeNamesOf)]);
  const definitions = new Definitions(names, (name) => helpers.add(name));
  const own = variants.map((it) => typesOfTool(it, definitions));
  if (helpers.has("ArrayInput")) helpers.add("ArrayOutput");
  const firsts = firstVariants(variants);
  const pools = poolsOf(variants);
  return [
    HEAD,
    CALLER_PART,
    ...([...helpers].sort().map((it) => HELPERS[it])),
    ...own,
    ...[...definitions.declarations()].sort(([a], [b]) => byName(a, b)).map(([, text]) => text),
    toolTable(firsts),
    functionTable(firsts),
    ...(pools.length > 1 ? [poolTable(variants, pools)] : []),
    bindings(variants, { firsts, pools }),
    BIND_PART,
  ].join("\n");
}

/** Groups tools by name, and those of a name by their schemas. The first of a name is the main. */
function variantsOf(tools: readonly DescribedTool[]): Variant[] {
  const names = new NameTable(RESERVED);
  const byTool = Map.groupBy(tools, ({ name }) => name);
  return [...byTool].sort(([a], [b]) => byName(a, b)).flatMap(([name, all]) => {
    const isDefault = (it: DescribedTool): boolean => it.pool === DEFAULT_POOL;
    const ordered = [...all.filter(isDefault), ...all.filter((it) => !isDefault(it))];
    const once = [...new Map(ordered.toReversed().map((it) => [it.pool, it])).values()]
      .toReversed();
    const alike = Map.groupBy(once, typeKey);
    return [...alike.values()].map((group, i) => {
      const [tool] = group;
      if (tool === undefined) throw new TypeError("a group has no tool");
      const pools = group.flatMap(({ pool }) => pool ?? []);
      const prefix = i === 0 ? "" : pascalCase(pools[0] ?? "", "Pool");
      const base = prefix + pascalCase(name, "Tool");
      const wanted = [`${base}Args`, `${base}${tool.streams ? "Chunk" : "Result"}`];
      const [argsName = "", resultName = ""] = names.takeAll(wanted);
      return { tool, pools, argsName, resultName };
    });
  });
}

/** Returns a text that is equal for tools with the same types. */
function typeKey({ inputSchema, outputSchema, streams }: DescribedTool): string {
  return JSON.stringify([inputSchema, outputSchema, streams]);
}

function typeNamesOf({ argsName, resultName }: Variant): string[] {
  return [argsName, resultName];
}

function typesOfTool({ tool, argsName, resultName }: Variant, definitions: Definitions): string {
  const input = rootSchema(tool.inputSchema);
  const output = rootSchema(tool.outputSchema ?? {});
  const args = definitions.contextOf({ direction: "args", root: input, rootName: argsName });
  const result = definitions.contextOf({
    direction: "result",
    root: output,
    rootName: resultName,
  });
  const told = tool.streams ? "A chunk" : "The result";
  const described = (schema: Schema, description: string): Schema =>
    schema.description === undefined ? { ...schema, description } : schema;
  return [
    declarationText(
      argsName,
      described(input.schema, `The arguments of \`${shown(tool.name)}\`.`),
      args,
    ),
    declarationText(
      resultName,
      described(output.schema, `${told} of \`${shown(tool.name)}\`.`),
      result,
    ),
  ].join("\n");
}

/** Returns a name without what has a meaning in a comment. */
function shown(name: string): string {
  return name.replaceAll("`", "'");
}

function firstVariants(variants: readonly Variant[]): Variant[] {
  const firsts = new Map<string, Variant>();
  for (const it of variants) if (!firsts.has(it.tool.name)) firsts.set(it.tool.name, it);
  return [...firsts.values()];
}

/** Returns the names of the pools, sorted. */
function poolsOf(variants: readonly Variant[]): string[] {
  return [...new Set(variants.flatMap(({ pools }) => pools))].sort(byName);
}

function toolTable(firsts: readonly Variant[]): string {
  const lines = firsts.map(({ tool, argsName, resultName }) => {
    const output = tool.streams
      ? `chunk: ${resultName}; result: unknown; streams: true`
      : `result: ${resultName}; streams: false`;
    return `  ${propertyName(tool.name)}: { args: ${argsName}; ${output} };\n`;
  });
  return `/** The types of all tools, by name. */\nexport interface Tools {\n${lines.join("")}}\n`;
}

function functionTable(firsts: readonly Variant[]): string {
  const lines = functionsOf(firsts).map((it) => functionLine(it, it.pools, "  "));
  return "/** The tools as functions. */\n" +
    `export interface PythonTools<Options extends object = object> {\n${lines.join("")}}\n`;
}

function poolTable(variants: readonly Variant[], pools: readonly string[]): string {
  const parts = pools.map((pool) => {
    const lines = functionsOf(variants).filter((it) => it.pools.includes(pool))
      .map((it) => functionLine(it, [], "    "));
    return `  readonly ${propertyName(pool)}: {\n${lines.join("")}  };\n`;
  });
  return "/** The tools of each pool as functions. */\n" +
    `export interface ToolsByPool<Options extends object = object> {\n${parts.join("")}}\n`;
}

/** Returns the tools that get a function. */
function functionsOf(variants: readonly Variant[]): Variant[] {
  return variants.filter(({ tool }) => tool.name !== THEN);
}

/** Returns the line of a tool. `pools` are those that a call may choose from. */
function functionLine(variant: Variant, pools: readonly string[], indent: string): string {
  const { tool, argsName, resultName } = variant;
  const pool = [...pools].sort(byName).map((it) => JSON.stringify(it)).join(" | ");
  const options = pool === "" ? "OptionsOf<Options>" : `OptionsOf<Options, ${pool}>`;
  const isOptional = listOf(recordOf(tool.inputSchema).required).length === 0;
  const output = tool.streams ? `Stream<${resultName}>` : `Promise<${resultName}>`;
  const parameters = [`args${isOptional ? "?" : ""}: ${argsName}`, `options?: ${options}`];
  const head = `${indent}readonly ${propertyName(tool.name)}: (`;
  const line = `${head}${parameters.join(", ")}) => ${output};\n`;
  const long = [`${head}\n`, ...parameters.map((it) => `${indent}  ${it},\n`)].join("") +
    `${indent}) => ${output};\n`;
  const comment = docComment({ description: tool.description }, indent);
  return comment + (line.length <= MAX_LINE + 1 ? line : long);
}

function bindings(
  variants: readonly Variant[],
  { firsts, pools }: { readonly firsts: readonly Variant[]; readonly pools: readonly string[] },
): string {
  const all = `const TOOLS = ${toolList(firsts, "")};\n\n`;
  if (pools.length <= 1) {
    return `${all}${TOOLS_OF_COMMENT} */
export function toolsOf<Options extends object>(caller: Caller<Options>): PythonTools<Options> {
  return bind(caller, TOOLS, {}) as PythonTools<Options>;
}
`;
  }
  const lists = pools.map((pool) => {
    const list = toolList(variants.filter((it) => it.pools.includes(pool)), "  ");
    return `  [${JSON.stringify(pool)}]: ${list},\n`;
  });
  return `${all}const TOOLS_BY_POOL = {\n${lists.join("")}};\n
${TOOLS_OF_COMMENT}
 * With \`pool\`, they are the tools of that pool. Without it, a tool of several pools is that of
 * the pool \`default\`, else of the first pool of the configuration; the option \`pool\` of a call
 * chooses another one that serves exactly this tool.
 */
export function toolsOf<Options extends object>(caller: Caller<Options>): PythonTools<Options>;
export function toolsOf<Options extends object, Pool extends keyof ToolsByPool>(
  caller: Caller<Options>,
  options: { readonly pool: Pool },
): ToolsByPool<Options>[Pool];
export function toolsOf<Options extends object>(
  caller: Caller<Options>,
  options: { readonly pool?: keyof ToolsByPool } = {},
): unknown {
  const { pool } = options;
  return pool === undefined
    ? bind(caller, TOOLS, {})
    : bind(caller, TOOLS_BY_POOL[pool], { pool });
}
`;
}

const TOOLS_OF_COMMENT =
  "/**\n * Returns the tools as functions, which make their calls by `caller`.";

/** Returns the names of tools as code, each with true if it streams. */
function toolList(variants: readonly Variant[], indent: string): string {
  const lines = functionsOf(variants).map(({ tool }) =>
    `${indent}  [${JSON.stringify(tool.name)}, ${tool.streams}],\n`
  );
  return lines.length === 0 ? "[] as const" : `[\n${lines.join("")}${indent}] as const`;
}
