import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { ROOT } from "../fixtures/host.ts";
import { hostToolsOf } from "../../scripts/tool_types/host_tools.ts";
import type { Config } from "../../src/config/mod.ts";
import { METHODS } from "../../src/types_gen/host_tool_stubs.ts";
import { hostToolStubs } from "../../src/types_gen/mod.ts";
import { z } from "zod";
import { described } from "./described.ts";
import { mypy } from "./mypy.ts";

const TOOLS = hostToolsOf({
  hostTools: [
    {
      name: "lookup",
      description: 'Finds a "customer" \\ by """id""".',
      input: z.object({ id: z.int(), fields: z.array(z.enum(["name", "age"])).optional() }),
      output: z.object({ name: z.string(), age: z.number().nullable() }),
      run: () => ({ name: "a", age: null }),
    },
    {
      name: "my-tool",
      input: z.object({ "a-b": z.string(), tree: z.record(z.string(), z.boolean()) }),
      output: z.union([z.string(), z.null()]),
      run: () => null,
    },
    { name: "rows", input: z.object({}), output: z.int(), *run(): Generator<number> {} },
    { name: "class", run: () => 1 },
    { name: "call", input: z.object({}), run: () => 1 },
    { name: "register", input: z.object({ n: z.int() }), output: z.int(), run: () => 1 },
  ],
} as Pick<Config, "hostTools">);

Deno.test("hostToolsOf() describes tools by their zod schemas, and sees generators", () => {
  assert.deepEqual(TOOLS.map(({ name, streams }) => [name, streams]), [
    ["lookup", false],
    ["my-tool", false],
    ["rows", true],
    ["class", false],
    ["call", false],
    ["register", false],
  ]);
  assert.deepEqual(TOOLS[0]?.inputSchema.required, ["id"]);
  assert.deepEqual(hostToolsOf({ hostTools: [] }), []);
  const refused = { hostTools: [{ name: ".x", run: () => 1 }] };
  assert.throws(() => hostToolsOf(refused), { code: "invalid_tool" });
});

Deno.test("hostToolStubs() lets mypy check calls of host tools, and what they return", async () => {
  const program = `
from snakeden_host_tools import HostTools, host_tools

tools: HostTools = host_tools()
row = tools.lookup(id=3, fields=["name"])
name: str = row["name"]
text: str | None = tools["my-tool"]({"a-b": "x", "tree": {"y": True}})
tools["class"](anything=1)
tools["call"]()
number: int = tools["register"](n=1)
total: int = sum(tools.rows())

async def run() -> None:
    found = await tools["lookup"].acall(id=4)
    print(found["age"])
    with tools.rows.stream() as items:
        first: int = next(items)
    async for item in tools.rows.astream():
        print(item + first)

tools.lookup(id="3")
tools.lookup(ids=3)
tools.lookup()
tools.lookup(id=3, fields=["size"])
row["size"]
number = tools.lookup(id=3)["name"]
tools.register(n=1)
tools["my-tool"]({"a-b": "x"})
tools.lookupp(id=3)
tools["nothing"]()
tools.lookup.stream(id=3)
`;
  const first = program.split("\n").findIndex((it) => it.includes('id="3"')) + 1;
  const lines = new Set(await mypy(TOOLS, program));
  assert.deepEqual([...lines], Array.from({ length: 11 }, (_, i) => first + i));
});

Deno.test("hostToolStubs() writes a module that Python imports", async () => {
  const hostile = ['"""', "\\", "x\ny", "import os", "class", "self", "__a"].map((name) =>
    described({
      name,
      description: name,
      properties: { [name]: { enum: [name] } },
      outputSchema: {
        type: "object",
        description: `${name}"`,
        properties: { [name]: { type: "string" }, b: { enum: [name, 1.5] } },
      },
    })
  );
  for (const tools of [hostile, [], hostile.slice(0, 1)]) {
    const fake = "import sys, types; m = types.ModuleType('snakeden'); m.current_call = None; " +
      "sys.modules['snakeden'] = m; exec(compile(sys.stdin.read(), 'stubs', 'exec'), {})";
    const child = new Deno.Command(await devPython(), {
      args: ["-W", "error", "-c", fake],
      stdin: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(hostToolStubs(tools)));
    await writer.close();
    const { code, stderr } = await child.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
});

Deno.test("hostToolStubs() knows the methods of the tools of the host in Python", async () => {
  const code = "from snakeden.host_tools import HostTools as H; " +
    "print(*sorted(it for it in dir(H) if not it.startswith('_')))";
  const { stdout, stderr } = await new Deno.Command(await devPython(), {
    args: ["-c", code],
    env: { PYTHONPATH: join(ROOT, "python/src") },
  }).output();
  const names = new TextDecoder().decode(stdout).trim();
  assert.deepEqual(names.split(" "), [...METHODS].sort(), new TextDecoder().decode(stderr));
});
