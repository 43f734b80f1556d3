import fc from "fast-check";
import assert from "node:assert/strict";
import { z } from "zod";
import {
  CALL_FIELDS,
  type CallField,
  fieldIssue,
  type FieldRule,
} from "../../src/calls/call_fields.ts";
import { type Args, checkCallOptions, encodeArgs } from "../../src/calls/call_options.ts";
import { InvalidInputError, type SnakedenError } from "../../src/errors.ts";
import { decodeCall } from "../../src/routes/calls/call_body.ts";

/** The options with which the host encodes arguments. */
const WRITING = { maxDepth: 200, name: "args" };

const FIELDS = Object.keys(CALL_FIELDS) as CallField[];

const value = fc.oneof(
  fc.jsonValue(),
  fc.double(),
  fc.integer({ min: -12, max: 12 }),
  fc.constantFrom("", "hint", "strict_queue", -0, 0, 0.5, 86_400_000, 86_400_001, Infinity, NaN),
  fc.string({ minLength: 120, maxLength: 140 }),
  fc.stringMatching(/^[A-Za-z0-9._:/ -]{0,130}$/),
  fc.string({ minLength: 250, maxLength: 260 }),
);

for (const field of FIELDS) {
  Deno.test(`CALL_FIELDS.${field} takes exactly what its schema describes`, () => {
    const { isValid, schema }: FieldRule = CALL_FIELDS[field];
    const described = z.fromJSONSchema(schema);
    fc.assert(
      fc.property(value, (it) => {
        assert.equal(isValid(it), described.safeParse(it).success);
      }),
      { numRuns: 500 },
    );
  });
}

/** Returns the error that refuses a call with this field. */
function refusal(make: () => unknown): SnakedenError {
  try {
    make();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}

Deno.test("CallOptions and request bodies refuse a wrong field with the same text", () => {
  const wrong: Partial<Record<CallField, unknown[]>> = {
    args: ["text", 5, null, [1]],
    sessionId: ["", 5, null, "x".repeat(129), "x".repeat(10_240), "a/b", "a%2Fb", "a\n", "\0", "ü"],
    affinity: ["strict", "", 1, null, ["hint"]],
    rebind: ["yes", 1, null],
    timeoutMs: [0, -1, "50", null, 86_400_001],
    priority: [11, 0.5, "high", null, {}],
    idempotent: ["yes", 1, null],
    arrays: ["lists", true, null, {}],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const it of values) {
      const body = new TextEncoder().encode(JSON.stringify({ tool: "add", [field]: it }));
      const overHttp = refusal(() => decodeCall(body, 200));
      const byLibrary = refusal(() =>
        field === "args" ? encodeArgs(it as Args, WRITING) : checkCallOptions({ [field]: it })
      );
      assert.equal(byLibrary.message, overHttp.message);
      assert.deepEqual(byLibrary.details, overHttp.details);
    }
  }
});

Deno.test("@tool(timeout_ms=...) takes the deadlines that CALL_FIELDS.timeoutMs takes", async () => {
  const file = new URL("../../python/src/snakeden/tool.py", import.meta.url);
  const [, longest] = /MAX_TIMEOUT_MS = ([\d_]+)/.exec(await Deno.readTextFile(file)) ?? [];
  assert.equal(Number(longest?.replaceAll("_", "")), CALL_FIELDS.timeoutMs.schema.maximum);
});

Deno.test("fieldIssue() shortens what was given, and names what is allowed", () => {
  assert.deepEqual(fieldIssue("sessionId", "s".repeat(129)), {
    path: "sessionId",
    message: "given a text of 129 characters; allowed: 1 to 128 letters, digits or . _ : -",
  });
  assert.equal(
    fieldIssue("affinity", "strict").message,
    'given "strict"; allowed: "hint", "strict_queue" or "strict_fail_fast"',
  );
  assert.equal(fieldIssue("args", () => 1).message.split(";")[0], "given a function");
});
