import assert from "node:assert/strict";
import { toolTypes } from "../../src/types_gen/mod.ts";
import { described } from "./described.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Returns the type of an argument and that of a result with this schema. */
function typesOf(schema: Schema, $defs: Schema = {}): { args: string; result: string } {
  const tool = described({ properties: { x: schema }, outputSchema: { ...schema, $defs } });
  const text = toolTypes([{ ...tool, inputSchema: { ...tool.inputSchema, $defs } }]);
  const oneLine = (it: string | undefined): string =>
    it?.replace(/\s*\n\s*\| /g, " | ").trim() ?? "";
  const args =
    /^export interface ToolArgs \{\n(?: {2}\/\*\*[^]*?\*\/\n)? {2}x:([^;]*(?:;[^\n][^;]*)*);\n\}/m
      .exec(text)?.[1];
  const result = /^export type ToolResult =([^;]*(?:;[^\n][^;]*)*);\n/m.exec(text)?.[1];
  return { args: oneLine(args), result: oneLine(result) };
}

const BYTES = { type: "object", properties: { $snakeden: { const: "bytes" } } };
const FILE = { title: "File", type: "object", properties: { $file: { type: "string" } } };
const ARRAY = { title: "ndarray", type: "object", properties: { $snakeden: { const: "array" } } };

/** The schemas that hints have, with their types. A single text stands for both directions. */
const CASES: Record<string, readonly [schema: Schema, args: string, result?: string]> = {
  "bool": [{ type: "boolean" }, "boolean"],
  "int": [{ type: "integer" }, "number | bigint", "number"],
  "int with bounds that numbers lack": [
    { type: "integer", maximum: 2 ** 62 },
    "number | bigint",
  ],
  "float": [{ type: "number" }, "number"],
  "str": [{ type: "string" }, "string"],
  "None": [{ type: "null" }, "null"],
  "Any": [{}, "unknown"],
  "Optional": [{ anyOf: [{ type: "string" }, { type: "null" }] }, "string | null"],
  "Optional with None first": [{ anyOf: [{ type: "null" }, { type: "string" }] }, "string | null"],
  "Union": [
    { anyOf: [{ type: "integer" }, { type: "number" }, { type: "string" }] },
    "number | bigint | string",
    "number | string",
  ],
  "Union with Any": [{ anyOf: [{ type: "integer" }, {}] }, "unknown"],
  "types in a list": [{ type: ["string", "null"] }, "string | null"],
  "Literal": [{ enum: [1, "a", true, null, -2.5] }, '1 | "a" | true | -2.5 | null'],
  "Literal with a tuple": [{ enum: [["a", 1]] }, 'readonly ["a", 1]'],
  "Literal beyond 2^53": [{ enum: [2 ** 60] }, "number | bigint"],
  "const": [{ const: 'a"b' }, '"a\\"b"'],
  "File": [FILE, "FileInput", "FileOutput"],
  "Path": [
    { anyOf: [{ type: "string" }, FILE] },
    "string | FileInput",
    "string | FileOutput",
  ],
  "bytes or a file": [
    { anyOf: [BYTES, FILE] },
    "BytesInput | FileInput",
    "Uint8Array | FileOutput",
  ],
  "list": [{ type: "array", items: { type: "string" } }, "readonly string[]", "string[]"],
  "list of a union": [
    { type: "array", items: { type: ["string", "null"] } },
    "ReadonlyArray<string | null>",
    "Array<string | null>",
  ],
  "list without hint": [{ type: "array" }, "readonly unknown[]", "unknown[]"],
  "set": [
    { type: "array", items: { type: "string" }, uniqueItems: true },
    "readonly string[] | ReadonlySet<string>",
    "string[]",
  ],
  "tuple": [
    {
      type: "array",
      prefixItems: [{ type: "string" }, { type: "boolean" }],
      minItems: 2,
      maxItems: 2,
      items: false,
    },
    "readonly [string, boolean]",
    "[string, boolean]",
  ],
  "empty tuple": [{ type: "array", minItems: 0, maxItems: 0 }, "readonly []", "[]"],
  "named tuple with a default": [
    {
      type: "array",
      prefixItems: [{ type: "string" }, { type: ["boolean", "null"] }],
      minItems: 1,
      maxItems: 2,
    },
    "readonly [string, (boolean | null)?]",
    "[string, (boolean | null)?]",
  ],
  "tuple that takes more": [
    { type: "array", prefixItems: [{ type: "string" }], minItems: 1 },
    "readonly [string, ...(unknown)[]]",
    "[string, ...(unknown)[]]",
  ],
  "dict": [
    { type: "object", additionalProperties: { type: "boolean" } },
    "{ readonly [key: string]: boolean }",
    "{ [key: string]: boolean }",
  ],
  "dict without hint": [
    { type: "object" },
    "{ readonly [key: string]: unknown }",
    "{ [key: string]: unknown }",
  ],
  "object in place": [
    {
      anyOf: [{
        type: "object",
        properties: { "a-b": { type: "string" }, c: {} },
        required: ["a-b"],
      }],
    },
    '{ "a-b": string; c?: unknown }',
  ],
  "bytes": [
    { anyOf: [{ type: "string", contentEncoding: "base64" }, BYTES] },
    "BytesInput",
    "Uint8Array",
  ],
  "bytes of pydantic": [{ type: "string", format: "binary" }, "string | BytesInput", "string"],
  "array": [ARRAY, "ArrayInput", "ArrayOutput"],
  "array or lists": [
    { title: "ndarray", anyOf: [ARRAY, { type: "array" }] },
    "ArrayInput",
    "ArrayOutput",
  ],
  "datetime with a zone": [{ type: "string", format: "date-time" }, "string | Date", "string"],
  "date": [{ type: "string", format: "date" }, "string"],
  "Decimal": [{ type: "string", format: "decimal" }, "string"],
  "UUID": [{ type: "string", format: "uuid" }, "string"],
  "input stream": [
    { "x-snakeden-input": true, type: "array", items: { type: "string" } },
    "AsyncIterable<string> | Iterable<string>",
  ],
  "input stream of anything": [
    { "x-snakeden-input": true },
    "AsyncIterable<unknown> | Iterable<unknown>",
  ],
  "nothing": [{ enum: [] }, "never"],
  "a reference to nowhere": [{ $ref: "#/$defs/Missing" }, "unknown"],
  "a reference elsewhere": [{ $ref: "https://example.com/x" }, "unknown"],
};

for (const [name, [schema, args, result = args]] of Object.entries(CASES)) {
  Deno.test(`toolTypes() writes ${name}`, () => {
    assert.deepEqual(typesOf(schema), { args, result });
  });
}

Deno.test("toolTypes() names classes, and tells those of arguments from those of results", () => {
  const point = {
    title: "Point",
    type: "object",
    properties: { x: { type: "integer" } },
    required: ["x"],
  };
  const colour = { title: "Colour", enum: ["red"] };
  const reference = { $ref: "#/$defs/Point" };
  assert.deepEqual(typesOf(reference, { Point: point }), { args: "PointInput", result: "Point" });
  assert.deepEqual(typesOf({ $ref: "#/$defs/Colour" }, { Colour: colour }), {
    args: "Colour",
    result: "Colour",
  });
  // As pydantic describes a model that no other refers to.
  assert.deepEqual(typesOf({ anyOf: [point] }), { args: "PointInput", result: "Point" });
});

Deno.test("toolTypes() writes unknown for a definition that is only itself", () => {
  const loop = { anyOf: [{ $ref: "#/$defs/Loop" }, { type: "null" }] };
  const { args, result } = typesOf({ $ref: "#/$defs/Loop" }, { Loop: loop });
  assert.deepEqual([args, result], ["unknown", "unknown"]);
});

Deno.test("toolTypes() makes arguments with a default optional, and accepts undefined for them", () => {
  const inputSchema = {
    type: "object",
    properties: { a: { type: "string" }, b: { type: "string", default: "x" } },
    required: ["a"],
    additionalProperties: false,
  };
  const text = toolTypes([described({ inputSchema, outputSchema: inputSchema })]);
  assert.match(
    text,
    /^ {2}a: string;\n {2}\/\*\* @default "x" \*\/\n {2}b\?: string \| undefined;$/m,
  );
  assert.match(text, /^ {2}b\?: string;$/m);
});

Deno.test("toolTypes() tells constraints and deprecation in comments", () => {
  const properties = {
    a: { type: "integer", minimum: 0, description: "An age.", deprecated: true },
  };
  assert.match(
    toolTypes([described({ properties })]),
    / {2}\/\*\*\n {3}\* An age\.\n {3}\*\n {3}\* @deprecated\n {3}\* @minimum 0\n {3}\*\/\n {2}a: /,
  );
});
