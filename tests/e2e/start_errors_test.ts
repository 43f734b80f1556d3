/**
 * Tests the reason of a pool whose adapter fails while it is loaded: the place in the adapter's
 * code, and the cause.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startDen, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

const TOOL = "from snakeden import Adapter, tool\n@tool\ndef ping() -> str:\n    return 'pong'\n";

/**
 * Adapters, and the lines that the reason must contain in this order. DIR is the folder of the
 * adapter.
 */
const CASES: readonly {
  what: string;
  code: string;
  files?: Record<string, string>;
  lines: string[];
}[] = [
  {
    what: "an exception at import",
    code: "def load():\n    raise FileNotFoundError('model.bin')\nload()\n",
    lines: [
      "Cannot start worker default-1: adapter 'broken' raised FileNotFoundError while it was imported: model.bin",
      "Traceback (most recent call last):",
      '  File "DIR/broken.py", line 3, in <module>',
      '  File "DIR/broken.py", line 2, in load',
      "FileNotFoundError: model.bin",
    ],
  },
  {
    what: "a SyntaxError",
    code: "from snakeden import tool\n\ndef ping(:\n    pass\n",
    lines: ['  File "DIR/broken.py", line 3', "    def ping(:", "             ^", "SyntaxError: "],
  },
  {
    what: "a SyntaxError in a module that it imports",
    code: "import helper\n",
    files: { "helper.py": "x = = 1\n" },
    lines: [
      '  File "DIR/broken.py", line 1, in <module>',
      '  File "DIR/helper.py", line 1',
      "SyntaxError: ",
    ],
  },
  {
    what: "a module that is missing",
    code: "import helper\n",
    files: { "helper.py": "\nimport no_such_dependency\n" },
    lines: [
      "Cannot start worker default-1: adapter 'broken' cannot be imported: it needs a module that is not there: " +
      "No module named 'no_such_dependency'; searched DIR, ",
      "a module of your own needs its folder in modulePaths",
      '  File "DIR/broken.py", line 1, in <module>',
      '  File "DIR/helper.py", line 2, in <module>',
      "ModuleNotFoundError: No module named 'no_such_dependency'",
    ],
  },
  {
    what: "chained exceptions",
    code:
      "try:\n    {}['key']\nexcept KeyError as error:\n    raise RuntimeError('no key') from error\n",
    lines: [
      '  File "DIR/broken.py", line 2, in <module>',
      "KeyError: 'key'",
      "The above exception was the direct cause of the following exception:",
      '  File "DIR/broken.py", line 4, in <module>',
      "RuntimeError: no key",
    ],
  },
  {
    what: "sys.exit()",
    code: "import sys\nsys.exit('no licence')\n",
    lines: [
      "Cannot start worker default-1: adapter 'broken' left by sys.exit('no licence') while it was imported",
      '  File "DIR/broken.py", line 2, in <module>',
      "SystemExit: no licence",
    ],
  },
  {
    what: "an exception in setup()",
    code:
      `${TOOL}class A(Adapter):\n    def setup(self):\n        self.load()\n    def load(self):\n        1 / 0\n`,
    lines: [
      "Cannot start worker default-1: adapter 'broken' raised ZeroDivisionError in setup(): division by zero",
      '  File "DIR/broken.py", line 7, in setup',
      '  File "DIR/broken.py", line 9, in load',
      "ZeroDivisionError: division by zero",
    ],
  },
  {
    what: "an exception in __init__()",
    code: `${TOOL}class A(Adapter):\n    def __init__(self):\n        raise ValueError('no')\n`,
    lines: ['  File "DIR/broken.py", line 7, in __init__', "ValueError: no"],
  },
  {
    what: "an exception while its tools are looked for",
    code:
      `${TOOL}class Odd:\n    @property\n    def __class__(self):\n        raise ValueError('odd')\nodd = Odd()\n`,
    lines: [
      "Cannot start worker default-1: adapter 'broken' cannot be served: ValueError: odd",
      '  File "DIR/broken.py", line 8, in __class__',
    ],
  },
  {
    what: "a crash in native code",
    code: "import ctypes\ndef crash():\n    ctypes.string_at(0)\ncrash()\n",
    lines: [
      "Cannot start worker default-1: it ended with signal SIGSEGV (a crash in native code) before it was ready; " +
      "last output: Fatal Python error: Segmentation fault",
      'File "DIR/broken.py", line 3 in crash |   File "DIR/broken.py", line 4 in <module>',
    ],
  },
  {
    what: "its process being ended",
    code: "import os\nprint('about to leave', flush=True)\nos._exit(7)\n",
    lines: ["it ended with exit code 7 before it was ready; last output: about to leave"],
  },
];

for (const { what, code, files = {}, lines } of CASES) {
  Deno.test(`PoolInfo.reason and the log show where an adapter fails by ${what}`, async () => {
    await using dir = await tempDir();
    for (const [name, text] of Object.entries({ ...files, "broken.py": code })) {
      await Deno.writeTextFile(join(dir.path, name), text);
    }
    await using sink = new LogSink();
    const pool = { adapter: "broken", modulePaths: [dir.path], size: 1, startTimeoutMs: 60_000 };
    await using den = await startDen(pool);
    const [info] = den.pools.list();
    const expected = lines.map((it) => it.replaceAll("DIR", dir.path));
    assertInOrder(info?.reason ?? "", expected);
    assert.doesNotMatch(info?.reason ?? "", /importlib|python\/src\/snakeden\//);
    assertInOrder(await sink.text(), expected);
    // Callers of the pool do not see the code of its adapter.
    await assert.rejects(den.execute("ping"), (error: Error) => {
      assert.ok(error.message.includes(info?.reason?.split("\n")[0] ?? ""), error.message);
      return !error.message.includes("Traceback");
    });
  });
}

Deno.test("Snakeden.start() with readyTimeoutMs shows where the adapter failed", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "broken.py"), "\n1 / 0\n");
  await assert.rejects(
    startDen({ adapter: "broken", modulePaths: [dir.path], size: 1 }, { readyTimeoutMs: 60_000 }),
    (error: Error) => error.message.includes(`File "${dir.path}/broken.py", line 2, in <module>`),
  );
});

function assertInOrder(text: string, parts: readonly string[]): void {
  let from = 0;
  for (const part of parts) {
    const at = text.indexOf(part, from);
    assert.ok(at >= 0, `${JSON.stringify(part)} is not in its place in:\n${text}`);
    from = at + part.length;
  }
}
