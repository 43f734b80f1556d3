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

/** Programs whose fourth line is refused, and the first line of what Deno prints. */
const REFUSED: Readonly<Record<string, readonly [program: string, says: RegExp]>> = {
  "missing argument": [program(`await den.execute("divide", { a: 1 });`), /args\.b: is missing/],
  "misspelled tool": [program(`await den.execute("divid");`), /did you mean "divide"\?/],
  "misspelled tool of call()": [program(`await den.call("divid");`), /did you mean "divide"\?/],
  "misspelled tool of a stream": [
    program(`await den.stream("share").result;`),
    /did you mean "shares"\?/,
  ],
  "misspelled option": [
    program(`await den.execute("divide", { a: 1, b: 1 }, { timeout: 5 } as never);`),
    /timeout: there is no such option; did you mean "timeoutMs" or "stallTimeoutMs"\?/,
  ],
  "wrong args": [program(`await den.execute("divide", 5 as never);`), /args: given 5/],
  "stream that was left": [
    program(
      `const it = den.stream("shares", { a: 1, b: 1 }); for await (const _ of it) break; ` +
        `await it.result;`,
    ),
    /AbortError: The reader left the stream/,
  ],
  "start with a wrong configuration": [
    `import { Snakeden } from "snakeden";

async function work(): Promise<void> {
  await Snakeden.start({ drainMs: -1 });
}
await work();
`,
    /Cannot use the configuration/,
  ],
  "loadConfig()": [
    `import { loadConfig } from "snakeden";

async function work(): Promise<void> {
  await loadConfig({ overrides: { drainMs: -1 } });
}
await work();
`,
    /Cannot use the configuration/,
  ],
  ...Object.fromEntries(
    [`{ drainMs: -1 }`, `{ drainMs: -1, exitMode: "exit" }`, `{ exitMode: "no" as never }`].map((
      options,
    ) => [`script with ${options}`, [
      `import { runAsScript } from "snakeden";

async function work(): Promise<void> {
  await runAsScript(() => {}, ${options});
}
await work();
`,
      /Cannot (use the configuration|run the script)/,
    ]]),
  ),
};

Deno.test("an uncaught error of a refusal names the line of the program first", async (t) => {
  await using project = await Project.create({ "shares.py": ADAPTER });
  for (const [name, [text, says]] of Object.entries(REFUSED)) {
    await t.step(name, async () => {
      await project.write("main.ts", text);
      const { code, stderr } = await project.run("main.ts", { flags: ["-A"] });
      assert.equal(code, 1);
      assert.match(stderr, says);
      assert.match(stderr, /^[^]*?\n {4}at (async )?work .*main\.ts:4:/);
      assert.doesNotMatch(stderr, /snakeden\/src\/|src\/(snakeden|script|calls|config)/);
    });
  }
});

Deno.test("an uncaught error of a start without a permission names the line of the program first", async () => {
  await using project = await Project.create({
    "main.ts": REFUSED["start with a wrong configuration"]?.[0].replace("-1", "1") ?? "",
  });
  const { stderr } = await project.run("main.ts", { flags: ["--allow-read", "--allow-env"] });
  assert.match(stderr, /--allow-run/);
  assert.match(stderr, /^[^]*?\n {4}at (async )?work .*main\.ts:4:/);
});

Deno.test("an uncaught error of an adapter that cannot be set up names its line", async (t) => {
  const adapters: Readonly<Record<string, readonly [text: string, cause: RegExp]>> = {
    "raises.py": [
      "from snakeden import tool\n{}['weights']\n",
      /^Caused by: Traceback.*\n {2}File ".*raises\.py", line 2/m,
    ],
    "wrong.py": [
      "from snakeden import tool\ndef f( -> int: ...\n",
      /^Caused by: +File ".*wrong\.py", line 2\n.*\n +\^+\nSyntaxError/m,
    ],
  };
  await using project = await Project.create({});
  for (const [file, [text, cause]] of Object.entries(adapters)) {
    await t.step(file, async () => {
      await project.write(file, text);
      const main = program(`await den.execute("f");`).replace('"shares"', `"${file.slice(0, -3)}"`);
      await project.write("main.ts", main);
      const { stderr } = await project.run("main.ts", { flags: ["-A"] });
      assert.match(stderr, /^[^]*?\n {4}at (async )?work .*main\.ts:4:/);
      assert.match(stderr, cause);
    });
  }
});
