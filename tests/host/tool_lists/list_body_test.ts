import assert from "node:assert/strict";
import type { Tool } from "../../../src/bridge/mod.ts";
import { decodeTools, encodeTools } from "../../../src/host/tool_lists/mod.ts";

const TOOL: Tool = {
  name: "a",
  description: "one\ntwo é🐍",
  inputSchema: '{"type":"object"}',
  outputSchema: "",
  streams: true,
  idempotent: true,
  timeoutMs: 0.5,
  mediaType: "image/png",
  stallTimeoutMs: 3,
};

function bytesOf(...lines: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(lines.map((it) => `${JSON.stringify(it)}\n`).join(""));
}

Deno.test("decodeTools() returns what encodeTools() was given", async () => {
  const many = Array.from({ length: 300 }, (_, i) => ({
    ...TOOL,
    name: `t${i}`,
    description: "x".repeat(3_000),
  }));
  for (const tools of [[], [TOOL], many]) {
    const bytes = await encodeTools(tools, 2_000_000);
    assert.ok(bytes !== undefined);
    assert.deepStrictEqual(await decodeTools(bytes), tools);
  }
});

Deno.test("encodeTools() writes the fields that a message inherits", async () => {
  const message: Tool = Object.assign(Object.create({ ...TOOL, description: "" }), { name: "b" });
  const bytes = await encodeTools([message], 1_000);
  assert.deepStrictEqual(bytes && await decodeTools(bytes), [
    { ...TOOL, description: "", name: "b" },
  ]);
});

Deno.test("encodeTools() refuses tools that are too long together", async () => {
  const { byteLength } = bytesOf(TOOL);
  const tools = [TOOL, { ...TOOL, name: "b" }];
  assert.equal((await encodeTools(tools, 2 * byteLength))?.byteLength, 2 * byteLength);
  assert.equal(await encodeTools(tools, 2 * byteLength - 1), undefined);
});

Deno.test("decodeTools() refuses what is no list of tools, and says why", async () => {
  const { mediaType: _, ...older } = TOOL;
  const cases: [Uint8Array, RegExp][] = [
    [new TextEncoder().encode("{}"), /cut off/],
    [bytesOf(TOOL).subarray(0, -1), /cut off/],
    [Uint8Array.of(255, 10), /not JSON/],
    [bytesOf(1), /tool 1: /],
    [bytesOf(TOOL, older), /tool 2: mediaType/],
    [bytesOf(TOOL, TOOL), /has a twice/],
    [bytesOf({ ...TOOL, name: "" }), /name/],
    [bytesOf({ ...TOOL, inputSchema: "{" }), /inputSchema: it is no JSON Schema/],
    [bytesOf({ ...TOOL, inputSchema: "" }), /inputSchema/],
    [bytesOf({ ...TOOL, outputSchema: "[]" }), /outputSchema/],
    [bytesOf({ ...TOOL, timeoutMs: -1 }), /timeoutMs/],
  ];
  for (const [bytes, message] of cases) {
    await assert.rejects(decodeTools(bytes), { message });
  }
});
