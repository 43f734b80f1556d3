import assert from "node:assert/strict";
import { type DescribedTool, toolTypes } from "../../src/types_gen/mod.ts";
import { compile, described } from "./described.ts";

const TEXT = { type: "string" };
const CLASSES = (size: Readonly<Record<string, unknown>>): Partial<DescribedTool> => ({
  inputSchema: {
    type: "object",
    properties: { box: { $ref: "#/$defs/Box" } },
    required: ["box"],
    $defs: { Box: { title: "Box", type: "object", properties: { size }, required: ["size"] } },
  },
});

/** Names and texts that would leave their place in the code. */
const HOSTILE = [
  "new",
  "constructor",
  "__proto__",
  "toString",
  "a.b-c",
  "a_b_c",
  "Tools",
  "Promise",
  "class",
  "1st",
  "ümlaut",
  "日本",
  '"]; globalThis.injected = true; //',
  "*/ globalThis.injected = true; /*",
  "`${(globalThis.injected = true)}`",
  "\\",
  "line\nbreak\u2028\r",
  "",
];

Deno.test("toolTypes() writes the same for the same tools in another order", () => {
  const tools = ["b", "a", "c"].map((name) => described({ name, ...CLASSES(TEXT) }));
  assert.equal(toolTypes(tools), toolTypes([...tools].reverse()));
});

Deno.test("toolTypes() gives equal classes one type, and others of the same name a number", () => {
  const text = toolTypes([
    described({ name: "a", ...CLASSES(TEXT) }),
    described({ name: "b", ...CLASSES(TEXT) }),
    described({ name: "c", ...CLASSES({ type: "boolean" }) }),
  ]);
  assert.deepEqual(text.match(/^export interface Box\w* /gm), [
    "export interface Box ",
    "export interface Box2 ",
  ]);
});

Deno.test("toolTypes() keeps names and descriptions in their places", async () => {
  const tools = HOSTILE.map((name) =>
    described({
      name,
      description: name,
      pool: name === "" ? "default" : name,
      properties: {
        [name]: { enum: [name], description: name, pattern: name, default: name },
      },
      outputSchema: {
        $ref: "#/$defs/0",
        description: name,
        $defs: {
          "0": { title: name, type: "object", description: name, properties: { [name]: TEXT } },
        },
      },
    })
  );
  const types = toolTypes(tools);
  assert.deepEqual(await compile(types), []);
  const url = `data:application/typescript,${encodeURIComponent(types)}`;
  const { toolsOf } = await import(url);
  assert.equal(Reflect.get(globalThis, "injected"), undefined);
  const calls: unknown[] = [];
  const py = toolsOf({ execute: (...args: unknown[]) => calls.push(args) });
  for (const name of HOSTILE) {
    assert.ok(Object.hasOwn(py, name), name);
    py[name]({ a: 1 }, { timeoutMs: 2 });
    assert.deepEqual(calls.pop(), [name, { a: 1 }, { timeoutMs: 2 }]);
  }
});

Deno.test("toolsOf() checks arguments, options, results and chunks", async () => {
  const types = toolTypes([
    described({ name: "label", properties: { text: TEXT }, outputSchema: TEXT }),
    described({ name: "count", properties: {}, outputSchema: { type: "integer" }, streams: true }),
    described({ name: "lookup", properties: {}, pool: undefined }),
    described({
      name: "listen",
      properties: { frames: { "x-snakeden-input": true, items: TEXT } },
    }),
  ]);
  const program = `
    import { toolsOf } from "./tools.ts";
    interface Options { readonly timeoutMs?: number; readonly arrays?: string; readonly pool?: string }
    declare const caller: {
      execute<T = unknown>(tool: string, args?: Readonly<Record<string, unknown>>, options?: Options): Promise<T>;
      stream<T = unknown>(tool: string, args?: Readonly<Record<string, unknown>>, options?: Options):
        AsyncIterable<T> & { readonly result: Promise<unknown> };
    };
    const py = toolsOf(caller);
    export const text: string = await py.label({ text: "a" }, { timeoutMs: 1, pool: "default" });
    for await (const n of py.count()) n.toFixed();
    await py.count().result;
    await py.lookup({}, {});
    py.listen({ frames: ["a"] });
    py.listen({ frames: new ReadableStream<string>() });
    py.label({ text: 1 });
    py.label({ txt: "a" });
    py.label();
    py.label({ text: "a" }, { timeoutMS: 1 });
    py.label({ text: "a" }, { arrays: "list" });
    py.label({ text: "a" }, { pool: "other" });
    py.lable({ text: "a" });
    export const number: number = await py.label({ text: "a" });
    for await (const n of py.count()) n.length;
    py.listen({ frames: [1] });
    py.listen({ frames: "" , more: 1 });
  `;
  const lines = program.split("\n");
  const expected = lines.findIndex((it) => it.includes("text: 1")) + 1;
  const errors = await compile(types, program);
  assert.deepEqual(
    errors.map(({ line }) => line),
    Array.from({ length: 11 }, (_, i) => expected + i),
    errors.map(({ text }) => text).join("\n"),
  );
});

Deno.test("toolsOf() has the tool of the pool default, and with `pool` that of the pool", async () => {
  const variants = [
    described({ name: "size", pool: "gpu", properties: { image: TEXT }, outputSchema: TEXT }),
    described({ name: "size", pool: "default", properties: { text: TEXT }, outputSchema: TEXT }),
    described({ name: "size", pool: "cpu", properties: { text: TEXT }, outputSchema: TEXT }),
    described({ name: "shared", pool: "gpu", properties: {} }),
  ];
  const types = toolTypes(variants);
  const program = `
    import { type Caller, type GpuSizeArgs, type SizeArgs, toolsOf } from "./tools.ts";
    declare const caller: Caller<{ readonly pool?: string }>;
    const args: SizeArgs = { text: "a" };
    toolsOf(caller).size(args);
    toolsOf(caller).size(args, { pool: "cpu" });
    toolsOf(caller).shared({}, { pool: "gpu" });
    const image: GpuSizeArgs = { image: "a" };
    toolsOf(caller, { pool: "gpu" }).size(image);
    toolsOf(caller).size(args, { pool: "gpu" });
    toolsOf(caller, { pool: "gpu" }).size(args);
    toolsOf(caller, { pool: "cpu" }).shared();
    toolsOf(caller, { pool: "tpu" });
  `;
  const errors = await compile(types, program);
  assert.deepEqual(errors.map(({ line }) => line), [10, 11, 12, 13]);
  const { toolsOf } = await import(`data:application/typescript,${encodeURIComponent(types)}`);
  const calls: unknown[] = [];
  const caller = { execute: (...args: unknown[]) => calls.push(args) };
  toolsOf(caller, { pool: "gpu" }).size({ image: "a" });
  toolsOf(caller).size({ text: "a" });
  assert.deepEqual(calls, [["size", { image: "a" }, { pool: "gpu" }], ["size", { text: "a" }, {}]]);
});

Deno.test("toolsOf() makes no promise: a tool `then` has types, but no function", async () => {
  const tools = ["default", "gpu"].flatMap((pool) =>
    ["then", "catch"].map((name) => described({ name, pool }))
  );
  const types = toolTypes(tools);
  const program = `
    import { toolsOf, type Caller, type ThenArgs } from "./tools.ts";
    declare const caller: Caller;
    const py = await toolsOf(caller);
    const args: ThenArgs = {};
    py.catch(args);
    (await toolsOf(caller, { pool: "gpu" })).catch({});
    py.then({});
  `;
  assert.deepEqual((await compile(types, program)).map(({ line }) => line), [8]);
  const { toolsOf } = await import(`data:application/typescript,${encodeURIComponent(types)}`);
  const calls: unknown[] = [];
  const caller = { execute: (...args: unknown[]) => calls.push(args) };
  for (const options of [undefined, { pool: "gpu" }]) {
    const py = await toolsOf(caller, options);
    assert.deepEqual(Object.keys(py), ["catch"]);
  }
  assert.deepEqual(calls, []);
});

Deno.test("toolTypes() writes a file that compiles when there is no tool", async () => {
  assert.deepEqual(await compile(toolTypes([])), []);
});
