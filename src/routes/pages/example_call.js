/**
 * Makes calls of a tool from its JSON Schema. The page at `/` uses this module in browsers, and the
 * OpenAPI document uses it in the host.
 */

/** Levels of nesting below which examples stay empty; a schema may contain itself. */
const MAX_DEPTH = 6;

/**
 * A tool, as `GET /v1/tools` lists it.
 *
 * @typedef {{ name: string, pool: string, inputSchema: object, streams?: boolean }} Tool
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
  return { tool: name, ...(isShared ? { pool } : {}), args: exampleOf(schema, schema, 0) };
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
  const body = JSON.stringify(exampleBody(tool, { isShared }));
  return [
    `curl ${tool.streams ? "-N " : ""}${url}/v1/${tool.streams ? "stream" : "execute"}`,
    "-H 'content-type: application/json'",
    ...(needsKey ? ['-H "authorization: Bearer $SNAKEDEN_API_KEY"'] : []),
    `-d '${body.replaceAll("'", `'\\''`)}'`,
  ].join(" \\\n  ");
}

function exampleOf(schema, root, depth) {
  if (typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return null;
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.replace(/^#\/\$defs\//, "");
    return exampleOf(root.$defs?.[name], root, depth + 1);
  }
  const given = [schema.const, schema.examples?.[0], schema.default, schema.enum?.[0]];
  const found = given.find((it) => it !== undefined && it !== null);
  if (found !== undefined) return found;
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  const choice = choices.find((it) => it.type !== "null");
  if (choice !== undefined) return exampleOf(choice, root, depth + 1);
  const [type] = [schema.type].flat().filter((it) => it !== "null");
  switch (type) {
    case "integer":
    case "number":
      return schema.minimum ??
        Math.min((schema.exclusiveMinimum ?? 0) + 1, schema.maximum ?? 1 / 0);
    case "string":
      return "text".padEnd(schema.minLength ?? 0, "x");
    case "boolean":
      return true;
    case "array":
      return [exampleOf(schema.items, root, depth + 1)];
    case "object": {
      const names = schema.required ?? [];
      return Object.fromEntries(
        names.map((name) => [name, exampleOf(schema.properties?.[name], root, depth + 1)]),
      );
    }
    default:
      return "text";
  }
}
