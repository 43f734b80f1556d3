import assert from "node:assert/strict";
// Browsers load this module from the server; it has no types.
import { easiestFirst, exampleBody, exampleCall } from "../../../src/routes/pages/example_call.js";

const URL = "http://127.0.0.1:8000";

function argsOf(inputSchema: object): unknown {
  const tool = { name: "t", pool: "default", inputSchema, streams: false };
  const command: string = exampleCall(tool, { url: URL, needsKey: false, isShared: false });
  const [, body = ""] = /-d '(.*)'$/s.exec(command) ?? [];
  return JSON.parse(body.replaceAll("'\\''", "'")).args;
}

function argOf(schema: object, $defs: object = {}): unknown {
  const args = argsOf({ type: "object", properties: { a: schema }, required: ["a"], $defs });
  return (args as { a: unknown }).a;
}

Deno.test("exampleCall() returns a command for the shell", () => {
  const inputSchema = { type: "object", properties: { a: { const: "it's" } }, required: ["a"] };
  const tool = { name: "train", pool: "heavy", inputSchema, streams: true };
  assert.equal(
    exampleCall(tool, { url: URL, needsKey: true, isShared: true }),
    `curl -N ${URL}/v1/stream \\
  -H 'content-type: application/json' \\
  -H "authorization: Bearer $SNAKEDEN_API_KEY" \\
  -d '{"tool":"train","pool":"heavy","args":{"a":"it'\\''s"}}'`,
  );
  const plain = { name: "ping", pool: "default", inputSchema: { type: "object" }, streams: false };
  assert.equal(
    exampleCall(plain, { url: URL, needsKey: false, isShared: false }),
    `curl ${URL}/v1/execute \\
  -H 'content-type: application/json' \\
  -d '{"tool":"ping","args":{}}'`,
  );
});

Deno.test("exampleCall() makes an example of each required argument, and of no other", () => {
  const properties = { a: { type: "integer" }, b: { type: "string" } };
  assert.deepEqual(argsOf({ type: "object", properties, required: ["b"] }), { b: "hello" });
  assert.deepEqual(argsOf({}), {});
});

Deno.test("exampleCall() follows types, limits, examples and references", () => {
  const cases: readonly [schema: object, example: unknown][] = [
    [{ type: "integer" }, 2],
    [{ type: "number", minimum: 5 }, 5],
    [{ type: "integer", exclusiveMinimum: 7 }, 8],
    [{ type: "integer", maximum: -3 }, -3],
    [{ type: "string", minLength: 6 }, "helloo"],
    [{ type: "boolean" }, true],
    [{ type: ["null", "string"] }, "hello"],
    [{ type: "array", items: { type: "integer" } }, [2]],
    [{ enum: ["red", "green"] }, "red"],
    [{ type: "string", examples: ["Ada"] }, "Ada"],
    [{ anyOf: [{ type: "null" }, { type: "boolean" }] }, true],
    [{ type: "object", properties: { x: { type: "number" } }, required: ["x"] }, { x: 2 }],
    [{}, "hello"],
    [{ type: "integer", multipleOf: 5 }, 10],
    [{ type: "number", exclusiveMinimum: 0, maximum: 0.5 }, 0.5],
    [{ anyOf: [{ type: "array" }, { type: "integer" }] }, 2],
  ];
  for (const [schema, example] of cases) {
    assert.deepEqual(argOf(schema), example, JSON.stringify(schema));
  }
  assert.deepEqual(argOf({ $ref: "#/$defs/P" }, { P: { type: "integer" } }), 2);
});

Deno.test("exampleCall() ends where a schema contains itself, or leads nowhere", () => {
  const Node = {
    type: "object",
    properties: { next: { $ref: "#/$defs/Node" } },
    required: ["next"],
  };
  assert.match(JSON.stringify(argOf({ $ref: "#/$defs/Node" }, { Node })), /"next":null/);
  assert.equal(argOf({ $ref: "#/$defs/Gone" }), null);
});

const BYTES = {
  anyOf: [{ type: "string", contentEncoding: "base64" }, { type: "object" }],
};

Deno.test("exampleCall() sends a file for each parameter that takes bytes", () => {
  const properties = {
    image: BYTES,
    name: { type: "string" },
    pages: { type: "array", items: BYTES },
  };
  const inputSchema = { type: "object", properties, required: ["image", "name", "pages"] };
  const tool = { name: "stack", pool: "a", inputSchema, streams: false };
  assert.equal(
    exampleCall(tool, { url: URL, needsKey: true, isShared: true }),
    `curl '${URL}/v1/execute?tool=stack&pool=a' \\
  -H "authorization: Bearer $SNAKEDEN_API_KEY" \\
  -F image=@FILE \\
  --form-string name=hello \\
  -F pages=@FILE`,
  );
});

Deno.test("exampleBody() writes bytes in base64", () => {
  const inputSchema = { properties: { image: BYTES }, required: ["image"] };
  const tool = { name: "invert", pool: "a", inputSchema };
  assert.deepEqual(exampleBody(tool, { isShared: false }).args, { image: "aGVsbG8=" });
});

Deno.test("easiestFirst() puts the tools first whose examples are certain to work", () => {
  const toolOf = (name: string, properties: Readonly<Record<string, object>>) => ({
    name,
    pool: "a",
    inputSchema: { properties, required: Object.keys(properties) },
  });
  const tools = [
    toolOf("profile_csv", { path: { type: "string" } }),
    toolOf("invert", { image: BYTES }),
    toolOf("ping", {}),
    toolOf("upper", { text: { type: "string" } }),
    toolOf("add", { a: { type: "number" }, b: { type: "number" } }),
  ];
  const names = easiestFirst(tools).map(({ name }) => name);
  assert.deepEqual(names, ["add", "upper", "ping", "profile_csv", "invert"]);
});
