import assert from "node:assert/strict";
import { z } from "zod";
import * as mini from "zod/mini";
import { SnakedenError } from "../../../src/errors.ts";
import { defineTool } from "../../../src/tools/mod.ts";
import { HostTool } from "../../../src/tools/host/host_tool.ts";

/** Returns the field and the reason of the refusal of a definition. */
function refusal(definition: Record<string, unknown>): [unknown, unknown] {
  try {
    defineTool({ name: "tool", run: () => 1, ...definition } as never);
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    assert.equal(error.code, "invalid_tool");
    return [error.details.field, error.details.reason];
  }
  throw new Error(`${JSON.stringify(definition)} was accepted`);
}

/** Returns the text of the refusal of a definition. */
function refusalText(definition: Record<string, unknown>): string {
  let text = "accepted";
  try {
    defineTool({ name: "tool", run: () => 1, ...definition } as never);
  } catch (error) {
    text = (error as Error).message;
  }
  return text;
}

Deno.test("names: empty, 65 bytes, leading dot, non-string → each its own error", () => {
  assert.deepEqual(refusal({ name: "" }), ["name", "empty"]);
  assert.deepEqual(refusal({ name: "n".repeat(65) }), ["name", "too_long"]);
  assert.deepEqual(refusal({ name: "ü".repeat(33) }), ["name", "too_long"]);
  assert.deepEqual(refusal({ name: ".tool" }), ["name", "invalid_format"]);
  assert.deepEqual(refusal({ name: "two words" }), ["name", "invalid_format"]);
  assert.deepEqual(refusal({ name: "tool\n" }), ["name", "invalid_format"]);
  assert.deepEqual(refusal({ name: "ü" }), ["name", "invalid_format"]);
  for (const name of [undefined, null, 7, ["tool"], { name: "tool" }]) {
    assert.deepEqual(refusal({ name }), ["name", "invalid_type"]);
  }
  assert.equal(
    refusalText({ name: ".tool" }),
    'Cannot define the host tool ".tool": name: given ".tool", which begins with a dot; allowed: ' +
      'a letter or digit, and then at most 63 letters, digits, "_", "." and "-", all of ASCII',
  );
  for (const name of ["a", "7", "n".repeat(64), "Ticket.look-up_2"]) {
    assert.equal(defineTool({ name, run: () => 1 }).name, name);
  }
});

Deno.test("metadata of 33 keys or more than 4096 bytes is refused", () => {
  const keys = (count: number): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
  assert.deepEqual(refusal({ metadata: keys(33) }), ["metadata", "too_many_entries"]);
  defineTool({ name: "tool", metadata: keys(32), run: () => 1 });
  // {"a":"..."} has 8 more bytes.
  assert.deepEqual(refusal({ metadata: { a: "x".repeat(4_089) } }), ["metadata", "too_large"]);
  assert.deepEqual(refusal({ metadata: { a: "ü".repeat(2_045) } }), ["metadata", "too_large"]);
  defineTool({ name: "tool", metadata: { a: "x".repeat(4_088) }, run: () => 1 });
});

Deno.test("metadata without a form in JSON is refused, with its place", () => {
  const circle: Record<string, unknown> = {};
  circle.inner = circle;
  for (
    const value of [1n, () => {}, Symbol("s"), NaN, Infinity, new Date(), new Map(), undefined]
  ) {
    assert.deepEqual(refusal({ metadata: { a: [0, value] } }), [
      "metadata.a[1]",
      "unsupported_type",
    ]);
  }
  assert.equal(refusal({ metadata: circle })[1], "unsupported_type");
  for (const metadata of ["text", 7, null, [1]]) {
    assert.deepEqual(refusal({ metadata }), ["metadata", "invalid_type"]);
  }
});

Deno.test("each other field of a definition is checked", () => {
  assert.deepEqual(refusal({ run: 7 }), ["run", "invalid_type"]);
  assert.deepEqual(refusal({ description: 7 }), ["description", "invalid_type"]);
  assert.deepEqual(refusal({ description: "x".repeat(65_537) }), ["description", "too_long"]);
  assert.deepEqual(refusal({ input: { id: "number" } }), ["input", "invalid_type"]);
  assert.deepEqual(refusal({ input: z.string() }), ["input", "invalid_type"]);
  assert.deepEqual(refusal({ output: "string" }), ["output", "invalid_type"]);
  for (const timeoutMs of [0, -1, NaN, Infinity, 86_400_001, "1000"]) {
    assert.deepEqual(refusal({ timeoutMs }), ["timeoutMs", "invalid_type"]);
    const stallTimeoutMs = timeoutMs;
    assert.deepEqual(refusal({ stallTimeoutMs }), ["stallTimeoutMs", "invalid_type"]);
  }
  assert.deepEqual(refusal({ streams: 1 }), ["streams", "invalid_type"]);
  assert.deepEqual(refusal({ exposeHttp: "yes" }), ["exposeHttp", "invalid_type"]);
  for (const expose of ["default", [""], [7], true]) {
    assert.deepEqual(refusal({ expose }), ["expose", "invalid_type"]);
  }
  assert.deepEqual(refusal({ exposed: "all" }), ["exposed", "unknown_key"]);
  assert.match(refusalText({ exposeHTTP: true }), /did you mean "exposeHttp"/);
  assert.throws(() => defineTool("tool" as never), { code: "invalid_tool" });
});

Deno.test("HostTool.of() takes schemas of zod/mini, and closes them like others", () => {
  const input = mini.object({ a: mini.number() });
  const tool = HostTool.of({ name: "mini", input, run: () => 1 } as never);
  assert.equal(tool.inputSchema["additionalProperties"], false);
  assert.equal(tool.input?.safeParse({ a: 1 }).success, true);
  assert.equal(tool.input?.safeParse({ a: 1, b: 2 }).success, false);
});

Deno.test("HostTool.info() describes the tool, with schemas of what callers write and get", () => {
  const tool = HostTool.of(defineTool({
    name: "lookup",
    description: "Finds a customer.",
    input: z.object({ id: z.number().int().default(3) }),
    output: z.object({ name: z.string() }),
    timeoutMs: 500,
    stallTimeoutMs: 50,
    expose: ["default"],
    metadata: { owner: "sales" },
    run: ({ id }) => ({ name: String(id) }),
  }));
  const { inputSchema, outputSchema, ...rest } = tool.info(undefined);
  assert.deepEqual(rest, {
    name: "lookup",
    runsIn: "host",
    description: "Finds a customer.",
    streams: false,
    idempotent: false,
    timeoutMs: 500,
    stallTimeoutMs: 50,
    exposeHttp: false,
    expose: ["default"],
    metadata: { owner: "sales" },
  });
  assert.deepEqual(inputSchema.required, undefined, "a default need not be given");
  assert.equal(inputSchema.additionalProperties, false);
  assert.deepEqual(outputSchema?.required, ["name"]);
});

Deno.test("HostTool.of() takes a tool as streaming if its function is a generator, or says so", () => {
  const streams = (definition: Parameters<typeof HostTool.of>[0]): boolean =>
    HostTool.of(definition).streams;
  assert.ok(streams({ name: "a", *run(): Generator<number> {} }));
  assert.ok(streams({ name: "a", async *run(): AsyncGenerator<number> {} }));
  assert.ok(!streams({ name: "a", run: () => [] }));
  assert.ok(!streams({ name: "a", run: async () => {} }));
  assert.ok(streams(defineTool({ name: "a", streams: true, run: () => [1].values() })));
});

Deno.test("HostTool.of() calls `run` on its definition, so that classes work", () => {
  class Counter {
    readonly name = "counter";
    #count = 0;
    run(): number {
      return ++this.#count;
    }
  }
  const tool = HostTool.of(new Counter());
  assert.deepEqual([1, 2].map(() => tool.run({}, {} as never)), [1, 2]);
});

Deno.test("defineTool() types the arguments by the input, and the result by the output", () => {
  const input = z.object({ id: z.number() });
  const output = z.string();
  defineTool({ name: "a", input, output, run: ({ id }) => id.toFixed() });
  defineTool({ name: "a", input, output, run: async ({ id }) => await Promise.resolve(`${id}`) });
  defineTool({
    name: "a",
    output,
    *run(): Generator<string> {
      yield "a";
    },
  });
  // @ts-expect-error The input has no such argument.
  defineTool({ name: "a", input, run: ({ idd }) => idd });
  // @ts-expect-error The result is a text.
  defineTool({ name: "a", input, output, run: ({ id }) => id });
  defineTool({
    name: "a",
    output,
    // @ts-expect-error The chunks are texts.
    *run(): Generator<number> {
      yield 1;
    },
  });
});
