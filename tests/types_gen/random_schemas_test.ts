import assert from "node:assert/strict";
import fc from "fast-check";
import { type DescribedTool, hostToolStubs, toolTypes } from "../../src/types_gen/mod.ts";
import { compile } from "./described.ts";

const KEYS = fc.oneof(fc.constantFrom("a", "b-c", "new", "__proto__", "0"), fc.string());
const REFERENCE = fc.constantFrom("#", "#/$defs/A", "#/$defs/B", "#/$defs/Missing", "other")
  .map(($ref) => ({ $ref }));
const LEAF = fc.oneof(
  fc.constantFrom("integer", "number", "string", "boolean", "null", "array", "object", "odd")
    .map((type) => ({ type })),
  fc.array(fc.jsonValue(), { maxLength: 4 }).map((values) => ({ enum: values })),
  fc.jsonValue().map((value) => ({ const: value })),
  fc.constantFrom<object>(
    {},
    { contentEncoding: "base64", type: "string" },
    { title: "ndarray", properties: { $snakeden: { const: "array" } } },
    { type: ["string", "null"] },
    { type: "string", format: "date-time" },
  ),
  REFERENCE,
);

const { schema: SCHEMA } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    LEAF,
    fc.array(tie("schema"), { maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie("schema"), { maxLength: 3 }).map((allOf) => ({ allOf })),
    fc.record({ items: fc.oneof(tie("schema"), fc.boolean()), uniqueItems: fc.boolean() })
      .map((it) => ({ type: "array", ...it })),
    fc.record({
      prefixItems: fc.array(tie("schema"), { maxLength: 3 }),
      minItems: fc.nat(4),
      maxItems: fc.nat(4),
    }).map((it) => ({ type: "array", ...it })),
    fc.record({
      properties: fc.dictionary(KEYS, tie("schema"), { maxKeys: 3 }),
      required: fc.array(KEYS, { maxLength: 2 }),
      additionalProperties: fc.oneof(tie("schema"), fc.boolean()),
      title: fc.string(),
      description: fc.string({ unit: "binary" }),
    }, { requiredKeys: [] }).map((it) => ({ type: "object", ...it })),
    tie("schema").map((it) => ({ ...it, "x-snakeden-input": true })),
  ),
}));

const TOOL: fc.Arbitrary<DescribedTool> = fc.record({
  name: KEYS,
  pool: fc.constantFrom("default", "gpu", undefined),
  description: fc.string({ unit: "binary" }),
  properties: fc.dictionary(KEYS, SCHEMA, { maxKeys: 4 }),
  outputSchema: SCHEMA,
  streams: fc.boolean(),
  definitions: fc.record({ A: SCHEMA, B: SCHEMA }),
}).map(({ properties, definitions: $defs, outputSchema, pool, ...tool }) => ({
  ...tool,
  ...(pool === undefined ? {} : { pool }),
  inputSchema: { type: "object", properties, additionalProperties: false, $defs },
  outputSchema: { ...outputSchema, $defs },
}));

Deno.test("toolTypes() writes types that compile, whatever the schemas say", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const tools = fc.sample(TOOL, { seed, numRuns: 400 });
  assert.deepEqual(await compile(toolTypes(tools)), [], `seed ${seed}`);
});

Deno.test("toolTypes() and hostToolStubs() always end, and depend on the tools alone", () => {
  fc.assert(fc.property(fc.array(TOOL, { maxLength: 5 }), (tools) => {
    assert.equal(toolTypes(tools), toolTypes(structuredClone(tools)));
    assert.equal(hostToolStubs(tools), hostToolStubs(structuredClone(tools)));
  }));
});
