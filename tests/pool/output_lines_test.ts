import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputTail, readLines } from "../../src/pool/output_lines.ts";

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const lines: string[] = [];
  const encoder = new TextEncoder();
  const bytes = chunks.map((it) => typeof it === "string" ? encoder.encode(it) : it);
  await readLines(ReadableStream.from(bytes) as ReadableStream<Uint8Array>, (it) => lines.push(it));
  return lines;
}

Deno.test("readLines() hands out lines however the pipe cuts them", async () => {
  const text = fc.string({ unit: "binary" }).map((it) => it.replace(/[\r\n\ufeff]/g, "x"));
  await fc.assert(fc.asyncProperty(
    fc.array(text, { maxLength: 8 }),
    fc.array(fc.nat({ max: 50 }), { maxLength: 10 }),
    fc.constantFrom("\n", "\r\n"),
    async (lines, cuts, end) => {
      const bytes = new TextEncoder().encode(lines.map((it) => it + end).join(""));
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of cuts) chunks.push(bytes.subarray(at, at += size));
      chunks.push(bytes.subarray(at));
      assert.deepStrictEqual(await linesOf(...chunks), lines);
    },
  ));
});

Deno.test("readLines() hands out a last line without an end", async () => {
  assert.deepStrictEqual(await linesOf("a\nb"), ["a", "b"]);
  assert.deepStrictEqual(await linesOf("a\n\nb\n"), ["a", "", "b"]);
  assert.deepStrictEqual(await linesOf(), []);
  assert.deepStrictEqual(await linesOf(""), []);
});

Deno.test("readLines() takes any bytes", async () => {
  assert.deepStrictEqual(
    await linesOf(new Uint8Array([0xff, 0x0a, 0xc3]), new Uint8Array([0x0a])),
    ["\ufffd", "\ufffd"],
  );
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array()), async (chunks) => {
    const lines = await linesOf(...chunks);
    assert.ok(lines.every((it) => !it.includes("\n")));
  }));
});

Deno.test("readLines() cuts lines at 8 KiB and loses nothing", async () => {
  const long = "0123456789".repeat(5_000);
  for (const chunks of [[`${long}\n`], [long, "\n"], [long.slice(0, 9_000), long.slice(9_000)]]) {
    const lines = await linesOf(...chunks, "after\n");
    assert.ok(lines.every((it) => it.length <= 8_192), String(lines.map((it) => it.length)));
    assert.equal(lines.join(""), `${long}after`);
  }
});

Deno.test("readLines() keeps a bar of progress without line ends within bounds", async () => {
  const lines = await linesOf(
    ...Array.from({ length: 1_000 }, (_, i) => `\r${i}% ${"#".repeat(90)}`),
  );
  assert.ok(lines.length >= 11 && lines.every((it) => it.length <= 8_192));
});

Deno.test("OutputTail keeps the last lines, without blank ones, each cut", () => {
  const tail = new OutputTail(3);
  for (const line of ["one", "two", "", "   ", "three", "x".repeat(501), "\t"]) tail.push(line);
  assert.deepStrictEqual(tail.lines, ["two", "three", `${"x".repeat(500)}…`]);
});

Deno.test("OutputTail.lines is a copy", () => {
  const tail = new OutputTail();
  const { lines } = tail;
  tail.push("later");
  assert.deepStrictEqual(lines, []);
});

Deno.test("OutputTail keeps what Python said before it dumped its stacks", () => {
  const tail = new OutputTail(20);
  const frame = (n: number): string => `  File "/tool.py", line ${n} in f${n}`;
  tail.push("Fatal Python error: Aborted");
  const threads = ["Thread 0x1f", "Thread 0x2f [name]", "Current thread 0x3f"];
  for (const thread of threads) {
    tail.push(`${thread} (most recent call first):`);
    for (let n = 0; n < 50; n++) {
      tail.push(frame(n));
      tail.push(`  File "/checkout/python/src/snakeden/runner.py", line ${n} in _run`);
      tail.push(`  File "<frozen importlib._bootstrap>", line ${n} in _find_and_load`);
    }
  }
  tail.push("Extension modules: numpy (total: 1)");
  assert.deepStrictEqual(tail.lines, [
    "Fatal Python error: Aborted",
    "Current thread 0x3f (most recent call first):",
    ...[0, 1, 2, 3, 4, 5, 6, 7].map(frame),
  ]);
});

Deno.test("OutputTail keeps all of a traceback, also of the package itself", () => {
  const tail = new OutputTail(20);
  for (let n = 0; n < 10; n++) tail.push(`  File "/src/snakeden/wire.py", line ${n}, in f${n}`);
  assert.equal(tail.lines.length, 10);
});
