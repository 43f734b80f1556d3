import assert from "node:assert/strict";
import { defineTool, type HostToolDefinition, HostTools } from "../../../src/tools/mod.ts";

/** Makes the host tools of a host with two pools, in which these sessions are open. */
function hostTools(open: ReadonlySet<string> = new Set()): HostTools {
  return new HostTools({
    pools: () => ["default", "gpu"],
    isOpen: (id) => Promise.resolve(open.has(id)),
  });
}

function tool(name: string, rest: Partial<HostToolDefinition> = {}): HostToolDefinition {
  return defineTool({ name, run: () => name, ...rest });
}

const ALL = (): boolean => true;

function names(tools: HostTools, sessionId?: string): string[] {
  return tools.list(sessionId, ALL).map((it) => it.tool.name);
}

Deno.test("duplicate tool → error; batch with one bad entry registers none", () => {
  const tools = hostTools();
  tools.register(tool("a"));
  assert.throws(() => tools.register(tool("a")), {
    code: "tool_exists",
    message: 'Cannot register the host tool "a": there is a host tool of this name; unregister ' +
      "it first, or choose another name",
  });
  assert.throws(() => tools.register([tool("b"), tool("a")]), { code: "tool_exists" });
  assert.throws(() => tools.register([tool("b"), tool("b")]), { code: "tool_exists" });
  assert.throws(() => tools.register([tool("b"), { name: ".c", run: () => 1 }]), {
    code: "invalid_tool",
  });
  assert.deepEqual(names(tools), ["a"]);
  assert.deepEqual(tools.register([tool("b"), tool("c")]).names, ["b", "c"]);
  assert.deepEqual(names(tools), ["a", "b", "c"]);
});

Deno.test("HostTools.register() takes one of two registrations of one name at once", async () => {
  const tools = hostTools();
  const results = await Promise.allSettled(
    [1, 2].map(async (n) => (await Promise.resolve(), tools.register(tool("a", { run: () => n })))),
  );
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const found = tools.find("a", undefined, ALL);
  assert.equal(found?.tool.run({}, {} as never), 1);
});

Deno.test("Registration takes its tools back once, and no others", async () => {
  const tools = hostTools();
  {
    using _scope = tools.register(tool("a"));
    assert.deepEqual(names(tools), ["a"]);
  }
  assert.ok(tools.isEmpty);
  {
    await using _scope = tools.register([tool("a"), tool("b")]);
    assert.deepEqual(names(tools), ["a", "b"]);
  }
  const first = tools.register(tool("a"));
  first.unregister();
  tools.register(tool("a"));
  first.unregister();
  first[Symbol.dispose]();
  assert.deepEqual(names(tools), ["a"], "the second registration stays");
});

Deno.test("HostTools.find() prefers the tool of the session, and shows it to no other", () => {
  const tools = hostTools();
  tools.register(tool("a", { description: "global" }));
  tools.register([tool("a", { description: "own" }), tool("b")], { sessionId: "s1" });
  const found = (name: string, sessionId?: string): string | undefined =>
    tools.find(name, sessionId, ALL)?.tool.description;
  assert.equal(found("a"), "global");
  assert.equal(found("a", "s1"), "own");
  assert.equal(found("a", "s2"), "global");
  assert.equal(found("b"), undefined);
  assert.equal(found("b", "s2"), undefined);
  assert.deepEqual(names(tools, "s1"), ["a", "b"]);
  assert.deepEqual(names(tools, "s2"), ["a"]);
  assert.throws(() => tools.register(tool("b"), { sessionId: "s1" }), {
    message: /^Cannot register the host tool "b": the session "s1" has a host tool of this name/,
  });
});

Deno.test("HostTools.find() passes over what the caller may not see", () => {
  const tools = hostTools();
  tools.register(tool("a", { expose: ["gpu"], description: "global" }));
  tools.register(tool("a", { description: "own" }), { sessionId: "s1" });
  const exposed = (pool: string) => tools.find("a", "s1", (it) => it.isExposedTo(pool));
  assert.equal(exposed("gpu")?.tool.description, "global");
  assert.equal(exposed("default"), undefined);
  assert.deepEqual(tools.list("s1", (it) => it.isExposedTo("gpu")).length, 1);
});

Deno.test("HostTools.register() refuses a pool that does not exist, naming near ones", () => {
  const tools = hostTools();
  assert.throws(() => tools.register(tool("a", { expose: ["defualt"] })), {
    code: "invalid_tool",
    message: 'Cannot define the host tool "a": expose: given "defualt", which is no pool; did ' +
      'you mean "default"?',
  });
  assert.throws(() => tools.register(tool("a"), { sessionId: "two words" }), {
    code: "invalid_input",
  });
  assert.ok(tools.isEmpty);
});

Deno.test("deleting a session removes its tools", () => {
  const tools = hostTools(new Set(["s1"]));
  const registration = tools.register(tool("a"), { sessionId: "s1" });
  tools.register(tool("a"), { sessionId: "s2" });
  tools.ended(["s1"]);
  assert.deepEqual([names(tools, "s1"), names(tools, "s2")], [[], ["a"]]);
  tools.register(tool("a"), { sessionId: "s1" });
  registration.unregister();
  assert.deepEqual(names(tools, "s1"), ["a"], "an old registration takes no new tool back");
});

Deno.test("a session that has expired has no tools, even before the sweep", async () => {
  const open = new Set(["s1"]);
  const tools = hostTools(open);
  tools.register(tool("a"), { sessionId: "s1" });
  await tools.refresh("s1");
  assert.deepEqual(names(tools, "s1"), ["a"]);
  open.delete("s1");
  await tools.refresh("s1");
  assert.deepEqual(names(tools, "s1"), []);
  assert.equal(tools.refresh("s1"), undefined, "there is nothing to wait for");
});

Deno.test("another session of the same id does not get the tools of the one before", async () => {
  const tools = hostTools(new Set(["s1"]));
  tools.register(tool("a"), { sessionId: "s1" });
  await tools.refresh("s1");
  tools.opened("s1");
  assert.deepEqual(names(tools, "s1"), []);
});

Deno.test("tools of a session that is not open wait for the next one of this id", async () => {
  const open = new Set<string>();
  const tools = hostTools(open);
  tools.register(tool("a"), { sessionId: "s1" });
  await tools.refresh("s1");
  assert.deepEqual(names(tools, "s1"), ["a"], "calls of an id without a session use them");
  open.add("s1");
  tools.opened("s1");
  await tools.refresh("s1");
  assert.deepEqual(names(tools, "s1"), ["a"]);
  open.delete("s1");
  await tools.refresh("s1");
  assert.deepEqual(names(tools, "s1"), []);
});
