import assert from "node:assert/strict";
import { nextSteps } from "../../src/routes/mod.ts";
import type { ToolInfo } from "../../src/tools/mod.ts";

const URL = "http://127.0.0.1:8000";

type Properties = Readonly<Record<string, unknown>>;

function toolOf(name: string, properties: Properties, rest: Partial<ToolInfo> = {}): ToolInfo {
  return {
    name,
    runsIn: "worker",
    pool: "default",
    description: "",
    inputSchema: { type: "object", properties, required: Object.keys(properties) },
    streams: false,
    idempotent: false,
    ...rest,
  };
}

/** Returns the command line of the example call. */
function callOf(tools: readonly ToolInfo[], needsKey = false): string {
  const text = nextSteps({ url: URL, tools, pools: 1, needsKey, isDemo: false });
  return /^ {2}(curl .*)$/m.exec(text)?.[1] ?? "";
}

function bodyOf(tools: readonly ToolInfo[]): unknown {
  return JSON.parse(/-d '(.*)'$/.exec(callOf(tools))?.[1] ?? "null");
}

const NUMBER = { type: "number" };
const ADD = toolOf("add", { a: NUMBER, b: NUMBER });
const TEXT = toolOf("upper", { text: { type: "string" } });
const STREAM = toolOf("count", { n: { type: "integer", minimum: 0 } }, { streams: true });

Deno.test("nextSteps() counts tools and pools, and names the page and the way to stop", () => {
  const facts = { url: URL, needsKey: false, isDemo: false };
  const one = nextSteps({ ...facts, tools: [ADD], pools: 1 });
  assert.match(one, /^Serving 1 tool in 1 pool\. Call one:$/m);
  assert.match(one, /http:\/\/127\.0\.0\.1:8000\/docs$/m);
  assert.match(one, /Ctrl-C/);
  assert.doesNotMatch(one, /demo/);
  const more = nextSteps({ ...facts, tools: [ADD, TEXT], pools: 3, isDemo: true });
  assert.match(more, /^Serving 2 tools in 3 pools\. Call one:$/m);
  const { pool: _, ...ofHost } = toolOf("lookup", {}, { runsIn: "host" });
  const both = nextSteps({ ...facts, tools: [ADD, ofHost], pools: 1 });
  assert.match(both, /^Serving 1 tool in 1 pool and 1 host tool\. Call one:$/m);
  assert.match(more, /^These are the tools of the demo; docs\/adapters\.md /m);
});

Deno.test("nextSteps() says which pools wait for their code, and what is needed", () => {
  const facts = { url: URL, needsKey: false, isDemo: false };
  const none = nextSteps({ ...facts, tools: [], pools: 0, broken: ["default"] });
  assert.match(none, /^\nPool default waits for its code; [^]*\nSave the repaired file, /);
  assert.doesNotMatch(none, /Serving|curl/);
  assert.match(none, /Ctrl-C/);
  const some = nextSteps({ ...facts, tools: [ADD], pools: 1, broken: ["a", "b"] });
  assert.match(some, /^Serving 1 tool in 1 pool\. Call one:\n\n {2}curl .*\n\nPools a, b wait /m);
});

Deno.test("nextSteps() calls the tool that makes the best example", () => {
  const none = toolOf("ping", {});
  assert.deepEqual(bodyOf([none, STREAM, TEXT, ADD]), { tool: "add", args: { a: 2, b: 3 } });
  assert.deepEqual(bodyOf([none, STREAM, TEXT]), { tool: "upper", args: { text: "hello" } });
  assert.deepEqual(bodyOf([none, STREAM]), { tool: "ping", args: {} });
  assert.deepEqual(bodyOf([STREAM]), { tool: "count", args: { n: 2 } });
  assert.match(callOf([STREAM]), /^curl -sN http:\/\/127\.0\.0\.1:8000\/v1\/stream /);
});

Deno.test("nextSteps() makes up arguments that satisfy their schema", () => {
  const values: readonly [Properties, unknown][] = [
    [{ type: "integer", minimum: 10 }, 10],
    [{ anyOf: [{ type: "array" }, { type: "integer" }] }, 2],
    [{ enum: ["fast", "slow"] }, "fast"],
    [{ const: 7 }, 7],
    [{ type: "boolean" }, true],
    [{}, "hello"],
  ];
  for (const [schema, value] of values) {
    const args = (bodyOf([toolOf("tool", { it: schema })]) as { args: unknown }).args;
    assert.deepEqual(args, { it: value }, JSON.stringify(schema));
  }
});

Deno.test("nextSteps() lists the tools when it cannot make up the arguments of any", () => {
  const unknown: readonly Properties[] = [
    { path: { type: "string" } },
    { text: { type: "string", pattern: "^a$" } },
    { image: { anyOf: [{ type: "string", contentEncoding: "base64" }, { type: "object" }] } },
    { n: { type: "number", exclusiveMaximum: 0.5 } },
    { items: { type: "array" } },
    { it: { $ref: "#/$defs/Point" } },
  ];
  for (const properties of unknown) {
    assert.equal(callOf([toolOf("tool", properties)]), `curl -s ${URL}/v1/tools`);
  }
  assert.equal(callOf([]), `curl -s ${URL}/v1/tools`);
  const facts = { url: URL, tools: [], pools: 1, needsKey: false, isDemo: false };
  assert.match(nextSteps(facts), /^Serving 0 tools in 1 pool\. List them:$/m);
});

Deno.test("nextSteps() takes the API key from the environment of the reader's shell", () => {
  assert.match(callOf([ADD], true), / -H "X-API-Key: \$SNAKEDEN_API_KEY" /);
  assert.match(callOf([], true), / -H "X-API-Key: \$SNAKEDEN_API_KEY"$/);
  const text = nextSteps({ url: URL, tools: [ADD], pools: 1, needsKey: true, isDemo: false });
  assert.match(text, /Call one, with your key in SNAKEDEN_API_KEY:$/m);
});

Deno.test("nextSteps() takes the API key from its file, if there is one", () => {
  const facts = { url: URL, tools: [ADD], pools: 1, needsKey: true, isDemo: false };
  const text = nextSteps({ ...facts, keyFile: "/etc/my keys" });
  assert.match(text, /Call one:$/m);
  assert.match(text, / -H "X-API-Key: \$\(grep -m1 \. '\/etc\/my keys'\)" /);
});

Deno.test("nextSteps() quotes characters that a shell would interpret", () => {
  const quote = toolOf("say", { text: { const: "it's" } });
  assert.match(callOf([quote]), /'\{"tool":"say","args":\{"text":"it'\\''s"\}\}'$/);
  const text = nextSteps({
    url: "http://[::1]:8000",
    tools: [],
    pools: 1,
    needsKey: false,
    isDemo: false,
  });
  assert.match(text, /curl -s 'http:\/\/\[::1\]:8000\/v1\/tools'$/m);
});
