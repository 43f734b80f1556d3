/**
 * Programs that catch nothing. What Deno prints must lead to the line of the program, and to that
 * of Python.
 */
import assert from "node:assert/strict";
import { Project } from "../fixtures/project.ts";

const ADAPTER = `
from collections.abc import Iterator

from snakeden import tool

@tool
def divide(a: float, b: float) -> float:
    return a / b

@tool
def shares(a: float, b: float) -> Iterator[float]:
    yield a
    yield a / b
`;

const POOLS = `pools: [{ name: "default", size: 1, adapter: "shares" }]`;

/** A program whose fourth line is `statement`. */
function program(statement: string): string {
  return `import { Snakeden } from "snakeden";
await using den = await Snakeden.start({ ${POOLS} });
async function work(): Promise<void> {
  ${statement}
}
await work();
`;
}

/** A script whose fourth line fails. */
function script(exitMode: string): string {
  return `import { runAsScript } from "snakeden";
await runAsScript(
  async (den) => {
    await den.execute("divide", { a: 1, b: 0 });
  },
  { ${POOLS}, exitMode: "${exitMode}" },
);
`;
}

Deno.test("an uncaught error of a tool names the line of the program and that of Python", async (t) => {
  const files = { "shares.py": ADAPTER };
  await using project = await Project.create(files);
  const programs: Readonly<Record<string, string>> = {
    execute: program(`await den.execute("divide", { a: 1, b: 0 });`),
    call: program(`await den.call("divide", { a: 1, b: 0 });`),
    stream: program(`for await (const _ of den.stream("shares", { a: 1, b: 0 }));`),
    "script that rethrows": script("none"),
    "script that exits": script("exit"),
  };
  for (const [name, text] of Object.entries(programs)) {
    await t.step(name, async () => {
      await project.write("main.ts", text);
      const { code, stderr } = await project.run("main.ts", { flags: ["-A"] });
      assert.equal(code, 1);
      assert.match(stderr, /PythonError: tool '\w+' raised ZeroDivisionError/);
      assert.match(stderr, /^ {4}at async .*main\.ts:4:/m);
      assert.match(stderr, /^Caused by: Traceback \(most recent call last\):$/m);
      assert.match(stderr, /^ {2}File ".*shares\.py", line (8|13), in (divide|shares)$/m);
      assert.doesNotMatch(stderr, /src\/(bridge|pool|calls)\//);
    });
  }
});

Deno.test("an uncaught error of arguments names the line of the program", async () => {
  await using project = await Project.create({
    "shares.py": ADAPTER,
    "main.ts": program(`await den.execute("divide", { a: 1 });`),
  });
  const { stderr } = await project.run("main.ts", { flags: ["-A"] });
  assert.match(stderr, /InvalidInputError: .*args\.b: is missing/);
  assert.match(stderr, /^ {4}at async work .*main\.ts:4:/m);
});
