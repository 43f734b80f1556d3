import assert from "node:assert/strict";
import { type OutputLine, STARTUP } from "../../../../src/pool/workers/output/output_marks.ts";
import { OutputTail } from "../../../../src/pool/workers/output/output_tail.ts";

function line(text: string, owner = STARTUP): OutputLine {
  return { text, owner };
}

Deno.test("OutputTail keeps the last lines, shortened and without blank ones", () => {
  const tail = new OutputTail(3);
  for (const it of ["one", "two", "", "   ", "three", "x".repeat(501), "\t"]) {
    tail.push(line(it));
  }
  assert.deepStrictEqual(tail.lines, ["two", "three", `${"x".repeat(500)}…`]);
});

Deno.test("OutputTail.lines is a copy", () => {
  const tail = new OutputTail();
  const { lines } = tail;
  tail.push(line("later"));
  assert.deepStrictEqual(lines, []);
});

Deno.test("OutputTail keeps what Python wrote before it dumped its stacks", () => {
  const tail = new OutputTail(20);
  const frame = (n: number): string => `  File "/tool.py", line ${n} in f${n}`;
  tail.push(line("Fatal Python error: Aborted"));
  const threads = ["Thread 0x1f", "Thread 0x2f [name]", "Current thread 0x3f"];
  for (const thread of threads) {
    tail.push(line(`${thread} (most recent call first):`));
    for (let n = 0; n < 50; n++) {
      tail.push(line(frame(n)));
      tail.push(
        line(
          `  File "/checkout/python/src/snakeden/_worker/profiles/process.py", line ${n} in _run`,
        ),
      );
      tail.push(line(`  File "<frozen importlib._bootstrap>", line ${n} in _find_and_load`));
    }
  }
  tail.push(line("Extension modules: numpy (total: 1)"));
  assert.deepStrictEqual(tail.lines, [
    "Fatal Python error: Aborted",
    "Current thread 0x3f (most recent call first):",
    ...[0, 1, 2, 3, 4, 5, 6, 7].map(frame),
  ]);
});

Deno.test("OutputTail keeps the frames of tools out of a dump of the package's own, in any folder", () => {
  const tail = new OutputTail(20);
  const dumped = (file: string): string => `  File "/p/src/snakeden/${file}", line 1 in f`;
  const own = ["worker.py", "_worker/runner.py", "_worker/calls/streams.py"].map(dumped);
  const tools = ["demo/tools.py", "demo/csv_lines.py"].map(dumped);
  for (const frame of [...own, ...tools]) tail.push(line(frame));
  assert.deepStrictEqual(tail.lines, tools);
});

Deno.test("OutputTail keeps all of a traceback, also of the package itself", () => {
  const tail = new OutputTail(20);
  for (let n = 0; n < 10; n++) {
    tail.push(line(`  File "/src/snakeden/_link/wire.py", line ${n}, in f${n}`));
  }
  assert.equal(tail.lines.length, 10);
});

Deno.test("OutputTail.of() returns the output of a call, and the dump of the process as it died", () => {
  const tail = new OutputTail();
  tail.push(line("loading"));
  tail.push(line("secret of another caller", 3));
  tail.push(line("mine", 4));
  tail.push(line("of nobody", 0));
  assert.deepEqual(tail.of([4]), ["mine"]);
  assert.deepEqual(tail.of([5]), []);
  assert.deepEqual(tail.of([]), ["loading"]);
  tail.push(line("Fatal Python error: Segmentation fault", 0));
  tail.push(line('  File "tool.py", line 3 in crash', 0));
  const dump = ["Fatal Python error: Segmentation fault", '  File "tool.py", line 3 in crash'];
  assert.deepEqual(tail.of([4]), ["mine", ...dump]);
  assert.deepEqual(tail.of([]), ["loading", ...dump]);
});

Deno.test("OutputTail.of() never mistakes a line of another call for the dump of the process", () => {
  const tail = new OutputTail();
  tail.push(line("Fatal Python error: not really", 3));
  tail.push(line("secret of another caller", 3));
  tail.push(line("mine", 4));
  tail.push(line("secret of a third one", 5));
  assert.deepEqual(tail.of([4]), ["mine"]);
});
