import fc from "fast-check";
import assert from "node:assert/strict";
import { z } from "zod";
import { callRequestSchema, findIssues } from "../../../src/routes/calls/call_body.ts";

/** The validator that a client would derive from the OpenAPI description. */
const described = z.fromJSONSchema(callRequestSchema);

const value = fc.oneof(
  fc.jsonValue(),
  fc.double(),
  fc.integer(),
  fc.constantFrom("", "hint", "strict_queue", -0, 0, 1, 86_400_000, 86_400_001, Infinity, NaN),
  fc.string({ minLength: 120, maxLength: 140 }),
  fc.string({ minLength: 250, maxLength: 260 }),
);

const body = fc.oneof(
  value,
  fc.record({
    tool: fc.oneof(fc.constant("add"), value),
    args: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), value),
    pool: fc.oneof(fc.string(), value),
    sessionId: fc.oneof(fc.string(), value),
    affinity: fc.oneof(fc.constant("hint"), value),
    timeoutMs: fc.oneof(fc.double({ min: 0, max: 86_400_000 }), value),
    priority: fc.oneof(fc.integer({ min: -12, max: 12 }), value),
    idempotent: fc.oneof(fc.boolean(), value),
    arrays: fc.oneof(fc.constantFrom("list", "base64"), value),
    extra: value,
  }, { requiredKeys: [] }),
  // Almost right.
  fc.record({
    tool: fc.string({ minLength: 1 }),
    args: fc.dictionary(fc.string(), fc.jsonValue()),
    timeoutMs: fc.double({ min: 0, max: 86_400_000, noNaN: true }),
    priority: fc.integer({ min: -10, max: 11 }),
  }, { requiredKeys: ["tool"] }),
  fc.record({ tool: fc.string(), timeoutMs: value, priority: value }, { requiredKeys: ["tool"] }),
);

Deno.test("findIssues() refuses exactly what the schema in OpenAPI refuses", () => {
  let accepted = 0;
  fc.assert(
    fc.property(body, (it) => {
      const taken = findIssues(it).length === 0;
      if (taken) accepted++;
      assert.equal(taken, described.safeParse(it).success);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(accepted > 50, `only ${accepted} inputs were right`);
});

Deno.test("findIssues() names the same top fields as the schema", () => {
  const wrong = {
    tool: 1,
    args: [],
    pool: 2,
    sessionId: "",
    affinity: 3,
    timeoutMs: -1,
    priority: 99,
    idempotent: "yes",
    arrays: "lists",
  };
  const named = findIssues(wrong).map((it) => it.path).sort();
  const inSchema = described.safeParse(wrong).error?.issues.map((it) => it.path[0]).sort();
  assert.deepEqual(named, inSchema);
});

Deno.test("docs/http.md names every field of a call", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/http.md", import.meta.url));
  const fields = Object.keys(Object(callRequestSchema["properties"]));
  assert.ok(fields.length > 5);
  assert.deepEqual(fields.filter((it) => !page.includes(`| \`${it}\``)), []);
});
