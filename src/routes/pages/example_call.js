/**
 * Makes calls of a tool from its JSON Schema. The page at `/` uses this module in browsers; the
 * OpenAPI document and the first words of the server use it in the host.
 */

/** Levels of nesting below which examples stay empty; a schema may contain itself. */
const MAX_DEPTH = 6;

/**
 * A tool, as `GET /v1/tools` lists it.
 *
 * @typedef {{ name: string, pool?: string, inputSchema: object, streams?: boolean }} Tool
 */

/**
 * Returns the body of a call with an example of each argument that must be given.
 *
 * @param {Tool} tool
 * @param {{ isShared: boolean }} options `isShared` is true when another pool has a tool of this
 * name too.
 * @returns {{ tool: string, pool?: string, args: unknown }}
 */
export function exampleBody({ name, pool, inputSchema }, { isShared }) {
  const schema = { type: "object", ...inputSchema };
  const named = isShared && pool !== undefined ? { pool } : {};
  return { tool: name, ...named, args: exampleOf(schema, schema, 0) };
}

/**
 * Returns how far the example of a tool is from a call that works and shows something: 0 for
 * numbers, 1 with text, 2 without arguments, 4 more for a stream, and Infinity if the tool may
 * refuse the arguments.
 *
 * @param {Tool} tool
 * @returns {number}
 */
export function difficultyOf({ inputSchema, streams }) {
  const { properties = {}, required = [] } = inputSchema;
  const isCertain = required.every((name) =>
    !/path|file|dir|url|uri|id$/i.test(name) && isCertainOf(properties[name])
  );
  if (!isCertain) return 1 / 0;
  const example = exampleOf({ type: "object", ...inputSchema }, inputSchema, 0);
  const hasText = Object.values(example).some((it) => typeof it === "string");
  return (streams ? 4 : 0) + (required.length === 0 ? 2 : 0) + (hasText ? 1 : 0);
}

/**
 * Returns the tools in the order of their difficulty, the easiest first.
 *
 * @template {Tool} T
 * @param {readonly T[]} tools
 * @returns {T[]}
 */
export function easiestFirst(tools) {
  return tools.map((tool) => ({ tool, rank: difficultyOf(tool) }))
    .sort((a, b) => a.rank === b.rank ? 0 : a.rank - b.rank)
    .map(({ tool }) => tool);
}

/**
 * Returns a command for the shell that calls a tool.
 *
 * @param {Tool} tool
 * @param {{ url: string, needsKey: boolean, isShared: boolean }} options `url` is the origin of the
 * server, and `needsKey` is true when requests must have an API key.
 * @returns {string}
 */
export function exampleCall(tool, { url, needsKey, isShared }) {
  const { tool: name, pool, args } = exampleBody(tool, { isShared });
  const files = Object.keys(args).filter((it) =>
    isBytes(tool.inputSchema.properties?.[it], tool.inputSchema)
  );
  const path = `${url}/v1/${tool.streams ? "stream" : "execute"}`;
  const key = needsKey ? ['-H "authorization: Bearer $SNAKEDEN_API_KEY"'] : [];
  const curl = `curl ${tool.streams ? "-N " : ""}`;
  if (files.length === 0) {
    const body = JSON.stringify({ tool: name, ...(pool === undefined ? {} : { pool }), args });
    const type = "-H 'content-type: application/json'";
    return [curl + path, type, ...key, `-d ${quoted(body)}`].join(" \\\n  ");
  }
  const query = new URLSearchParams({ tool: name, ...(pool === undefined ? {} : { pool }) });
  const parts = Object.entries(args).map(([arg, value]) => {
    if (files.includes(arg)) return `-F ${quoted(`${arg}=@FILE`)}`;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `--form-string ${quoted(`${arg}=${text}`)}`;
  });
  return [`${curl}'${path}?${query}'`, ...key, ...parts].join(" \\\n  ");
}

/** Returns the text as one word of a shell. */
function quoted(text) {
  return /^[\w=@]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Returns true for a parameter that takes bytes, or a list of them. */
function isBytes(schema, root, depth = 0) {
  if (typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return false;
  if (schema.contentEncoding === "base64") return true;
  const inner = [schema.anyOf, schema.oneOf, schema.allOf, schema.items].flat();
  if (typeof schema.$ref === "string") inner.push(definitionOf(schema.$ref, root));
  return inner.some((it) => isBytes(it, root, depth + 1));
}

function definitionOf(ref, root) {
  return root.$defs?.[ref.replace(/^#\/\$defs\//, "")];
}

/** Keywords that refuse no value which the example of the type may have. */
const HARMLESS = new Set([
  "type",
  "title",
  "description",
  "minimum",
  "maximum",
  "exclusiveMinimum",
]);

/** Returns true if no tool refuses the example of this schema because of its type. */
function isCertainOf(schema = {}) {
  const { anyOf, const: fixed, default: usual, enum: choices, examples, ...rest } = schema;
  if ([fixed, usual, choices?.[0], examples?.[0]].some((it) => it !== undefined && it !== null)) {
    return true;
  }
  if (anyOf !== undefined) return anyOf.some((it) => it.type !== "null" && isCertainOf(it));
  const isPlain = Object.keys(rest).every((it) => HARMLESS.has(it));
  if (isPlain && rest.type === undefined) return true;
  const [type] = [rest.type].flat().filter((it) => it !== "null");
  return isPlain && ["integer", "number", "boolean", "string"].includes(type);
}

function exampleOf(schema, root, depth, place = 0) {
  if (typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return null;
  if (typeof schema.$ref === "string") {
    return exampleOf(definitionOf(schema.$ref, root), root, depth + 1, place);
  }
  const given = [schema.const, schema.examples?.[0], schema.default, schema.enum?.[0]];
  const found = given.find((it) => it !== undefined && it !== null);
  if (found !== undefined) return found;
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  const fitting = choices.filter((it) => it.type !== "null");
  const choice = fitting.find(isCertainOf) ?? fitting[0];
  if (choice !== undefined) return exampleOf(choice, root, depth + 1, place);
  const [type] = [schema.type].flat().filter((it) => it !== "null");
  switch (type) {
    case "integer":
    case "number":
      return exampleNumber(schema, place);
    case "string":
      // "hello" in base64.
      if (schema.contentEncoding === "base64") return "aGVsbG8=";
      return "hello".padEnd(schema.minLength ?? 0, "o").slice(0, schema.maxLength);
    case "boolean":
      return true;
    case "array":
      return [exampleOf(schema.items, root, depth + 1)];
    case "object": {
      const names = schema.required ?? [];
      return Object.fromEntries(
        names.map((name, at) => [
          name,
          exampleOf(schema.properties?.[name] ?? {}, root, depth + 1, at),
        ]),
      );
    }
    default:
      return "hello";
  }
}

/** Returns a small number within the limits; numbers of one call differ. */
function exampleNumber(schema, place) {
  const { minimum = -1 / 0, exclusiveMinimum = -1 / 0, maximum = 1 / 0 } = schema;
  const { exclusiveMaximum = 1 / 0, multipleOf = 1 } = schema;
  const least = Math.max((2 + place) * multipleOf, minimum, exclusiveMinimum + multipleOf);
  return Math.min(least, maximum, exclusiveMaximum - multipleOf);
}
