import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import { hostToolsOf } from "../../scripts/tool_types/host_tools.ts";
import type { Config } from "../../src/config/mod.ts";
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
  ],
} as unknown as Config);

Deno.test("hostToolsOf() describes tools by their zod schemas, and sees generators", () => {
  assert.deepEqual(TOOLS.map(({ name, streams }) => [name, streams]), [
    ["lookup", false],
    ["my-tool", false],
    ["rows", true],
    ["class", false],
    ["call", false],
  ]);
  assert.deepEqual(TOOLS[0]?.inputSchema.required, ["id"]);
  assert.deepEqual(hostToolsOf({} as Config), []);
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
number: int = tools.lookup(id=3)["name"]
tools["my-tool"]({"a-b": "x"})
tools.lookupp(id=3)
tools["nothing"]()
tools.lookup.stream(id=3)
`;
  const first = program.split("\n").findIndex((it) => it.includes('id="3"')) + 1;
  const lines = new Set(await mypy(TOOLS, program));
  assert.deepEqual([...lines], Array.from({ length: 10 }, (_, i) => first + i));
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
