import assert from "node:assert/strict";
import type { Pool } from "../../src/pool/mod.ts";
import { ToolRegistry, type ToolRegistryOptions } from "../../src/tools/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { until } from "../fixtures/until.ts";

interface SetUp extends AsyncDisposable {
  readonly registry: ToolRegistry;
}

/** Makes pools that serve, and pools that have not started. */
async function setUp(
  serving: string[],
  silent: string[] = [],
  options: ToolRegistryOptions = {},
): Promise<SetUp> {
  const started = await Promise.all(serving.map((name) => FakePool.start({ name })));
  const all = [...silent.map((name) => new FakePool({ name })), ...started];
  const pools = new Map<string, Pool>(all.map(({ pool }) => [pool.name, pool]));
  return {
    registry: new ToolRegistry(pools, options),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(all.map((it) => it[Symbol.asyncDispose]()));
    },
  };
}

Deno.test("ToolRegistry.list() lists each tool with its pool and schemas", async () => {
  await using it = await setUp(["a", "b"], ["silent"]);
  const tools = it.registry.list();
  assert.equal(tools.length, 12);
  assert.deepStrictEqual(tools[0], {
    name: "echo",
    runsIn: "worker",
    pool: "a",
    description: "Does echo.",
    inputSchema: { type: "object" },
    outputSchema: { type: "object" },
    streams: false,
    idempotent: false,
  });
  assert.ok(tools[1] !== undefined && !("outputSchema" in tools[1]));
  assert.deepStrictEqual(tools.filter((tool) => tool.streams).map((tool) => tool.pool), ["a", "b"]);
});

Deno.test("ToolRegistry.poolFor() asks default first, then the first that has the tool", async () => {
  await using both = await setUp(["other", "default"]);
  assert.equal(both.registry.poolFor("echo", undefined).name, "default");
  await using none = await setUp(["b", "a"]);
  assert.equal(none.registry.poolFor("echo", undefined).name, "b");
});

Deno.test("ToolRegistry.poolFor() takes the pool that is named", async () => {
  await using it = await setUp(["default", "other"]);
  assert.equal(it.registry.poolFor("echo", "other").name, "other");
  assert.throws(() => it.registry.poolFor("echo", "nope"), { code: "unknown_pool" });
  assert.throws(() => it.registry.poolFor("ecko", "other"), {
    code: "unknown_tool",
    message: 'There is no tool "ecko" of the pool other; did you mean "echo"?',
  });
});

Deno.test("ToolRegistry.poolFor() accepts a named pool that has not had a worker yet", async () => {
  await using it = await setUp(["default"], ["silent"]);
  assert.equal(it.registry.poolFor("anything", "silent").name, "silent");
  assert.equal(it.registry.poolFor("anything", undefined).name, "silent");
  assert.equal(it.registry.poolFor("echo", undefined).name, "default");
});

Deno.test("ToolRegistry.poolFor() takes a pool whose tools are known before one that may have them", async () => {
  const [a, b, c] = ["a", "b", "default"].map((name) => new FakePool({ name }));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  await using stack = new AsyncDisposableStack();
  for (const it of [a, b, c]) stack.use(it);
  const registry = new ToolRegistry(new Map([a, b, c].map(({ pool }) => [pool.name, pool])));
  // Nobody knows anything: the one that is asked first in any case.
  assert.equal(registry.poolFor("echo", undefined).name, "default");
  await using source = await FakePool.start({ name: "source" });
  c.pool.code.restore(source.pool.tools);
  assert.equal(registry.poolFor("echo", undefined).name, "default");
  assert.equal(registry.poolFor("other", undefined).name, "a");
  a.pool.code.restore(source.pool.tools.slice(0, 1));
  assert.equal(registry.poolFor("other", undefined).name, "b");
  b.pool.code.restore([]);
  b.pool.code.restore(source.pool.tools);
  // All have lists without it. Lists are no promise.
  assert.equal(registry.poolFor("other", undefined).name, "default");
  assert.equal(registry.poolFor("other", "b").name, "b");
  await Promise.all([a, b, c].map(({ pool }) => pool.start()));
  assert.throws(() => registry.poolFor("other", undefined), { code: "unknown_tool" });
  assert.throws(() => registry.poolFor("other", "b"), { code: "unknown_tool" });
});

Deno.test("ToolRegistry.poolFor() accepts any name for new code, unless workers with old code serve", async () => {
  await using it = await setUp(["default"]);
  const pool = it.registry.poolFor("echo", undefined);
  const recycled = pool.recycle(undefined);
  // The worker that is replaced still serves.
  assert.throws(() => it.registry.poolFor("other", "default"), { code: "unknown_tool" });
  await recycled;
  assert.throws(() => it.registry.poolFor("other", "default"), { code: "unknown_tool" });
  pool.resize({ min: 0, max: 1 });
  pool.cleanIdle();
  await until(() => pool.workers.length === 0, "the pool to be at rest");
  assert.throws(() => it.registry.poolFor("other", "default"), { code: "unknown_tool" });
  await pool.recycle(undefined);
  assert.equal(it.registry.poolFor("other", "default"), pool);
  assert.equal(it.registry.poolFor("other", undefined), pool);
  assert.ok(pool.offers("echo"), "its last tools are still listed");
});

Deno.test("ToolRegistry.poolFor() names near tools of any pool when all are known", async () => {
  await using it = await setUp(["a", "b"]);
  assert.throws(() => it.registry.poolFor("hodl", undefined), {
    code: "unknown_tool",
    message: /^There is no tool "hodl"; did you mean /,
  });
});

Deno.test("ToolRegistry.poolFor() says that the demo is served when a name is like none of its tools", async () => {
  await using demo = await setUp(["default"], [], { isDemo: true });
  const messageFor = (tool: string, registry = demo.registry): string => {
    try {
      return registry.poolFor(tool, undefined).name;
    } catch (error) {
      return String(error);
    }
  };
  const cure =
    /; there are .*; the demo adapter is served, so name yours as the adapter of a pool$/;
  assert.match(messageFor("classify"), cure);
  assert.doesNotMatch(messageFor("ecko"), /demo/);
  await using own = await setUp(["default"]);
  assert.doesNotMatch(messageFor("classify", own.registry), /demo/);
});

Deno.test("ToolRegistry.poolFor() does not mistake names of Object.prototype for tools", async () => {
  await using it = await setUp(["default"]);
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.throws(() => it.registry.poolFor(name, undefined), { code: "unknown_tool" });
    assert.throws(() => it.registry.poolFor("echo", name), { code: "unknown_pool" });
  }
});

Deno.test("ToolRegistry.find() returns the tool of the pool that a call would ask", async () => {
  await using it = await setUp(["a", "default"], ["silent"]);
  assert.equal(it.registry.find("echo")?.pool, "default");
  assert.equal(it.registry.find("echo", "a")?.pool, "a");
  for (const [name, pool] of [["none"], ["echo", "silent"], ["echo", "none"]] as const) {
    assert.equal(it.registry.find(name, pool), undefined);
  }
});
