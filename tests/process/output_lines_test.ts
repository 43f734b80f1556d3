import fc from "fast-check";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import {
  type OutputLine,
  OutputReader,
  OutputTail,
  STARTUP,
} from "../../src/process/output_lines.ts";

const NONCE = "n0n5e";

async function read(...chunks: (string | Uint8Array)[]): Promise<OutputLine[]> {
  const lines: OutputLine[] = [];
  const encoder = new TextEncoder();
  const bytes = chunks.map((it) => typeof it === "string" ? encoder.encode(it) : it);
  const pipe = ReadableStream.from(bytes) as ReadableStream<Uint8Array>;
  await new OutputReader(pipe, { nonce: NONCE, onLine: (it) => lines.push(it) }).ended;
  return lines;
}

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  return (await read(...chunks)).map(({ text }) => text);
}

function mark(owner: number): string {
  return `\x1e${NONCE}:${owner}\n`;
}

function line(text: string, owner = STARTUP): OutputLine {
  return { text, owner };
}

Deno.test("OutputReader delivers lines wherever the pipe splits them", async () => {
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

Deno.test("OutputReader delivers a last line without an end", async () => {
  assert.deepStrictEqual(await linesOf("a\nb"), ["a", "b"]);
  assert.deepStrictEqual(await linesOf("a\n\nb\n"), ["a", "", "b"]);
  assert.deepStrictEqual(await linesOf(), []);
  assert.deepStrictEqual(await linesOf(""), []);
});

Deno.test("OutputReader accepts any bytes", async () => {
  assert.deepStrictEqual(
    await linesOf(new Uint8Array([0xff, 0x0a, 0xc3]), new Uint8Array([0x0a])),
    ["\ufffd", "\ufffd"],
  );
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array()), async (chunks) => {
    const lines = await linesOf(...chunks);
    assert.ok(lines.every((it) => !it.includes("\n")));
  }));
});

Deno.test("OutputReader makes one line of a very long one: beginning, end, and how much is left out", async () => {
  const long = `begin${"0123456789".repeat(30_000)}end`;
  for (const chunks of [[`${long}\n`], [long, "\n"], [long.slice(0, 9_000), long.slice(9_000)]]) {
    const lines = await linesOf("before\n", ...chunks, ...chunks.length > 1 ? ["\n"] : [], "after");
    const [before, cut = "", ...after] = lines.filter((it) => it !== "");
    assert.deepEqual([before, after], ["before", ["after"]]);
    assert.match(cut, /^begin01234.* … 291816 characters left out … .*6789end$/);
    assert.ok(cut.length < 8_300, String(cut.length));
  }
  const fits = "x".repeat(8_192);
  assert.deepEqual(await linesOf(fits, "\n"), [fits]);
});

Deno.test("OutputReader keeps a bar of progress without line ends within bounds", async () => {
  const lines = await linesOf(
    ...Array.from({ length: 10_000 }, (_, i) => `\r${i}% ${"#".repeat(90)}`),
  );
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^\r0% .*characters left out.*9999% #+$/s);
});

Deno.test("OutputReader reads the owners of lines from marks, and ends a line at a mark", async () => {
  assert.deepEqual(
    await read(`loading\n${mark(7)}one\ntwo${mark(0)}late\n${mark(8)}${mark(0)}`),
    [line("loading"), line("one", 7), line("two", 7), line("late", 0)],
  );
  // Of another worker, or written by a tool.
  assert.deepEqual(await linesOf("\x1eother:7\n", "\x1en0n5e:7 \n"), [
    "\x1eother:7",
    "\x1en0n5e:7 ",
  ]);
});

Deno.test("OutputReader finds marks wherever the pipe splits them, after lines of any length", async () => {
  const text = fc.stringMatching(/^[a-z]{0,20}$/);
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ text, owner: fc.nat({ max: 3 }), ends: fc.boolean() }), { maxLength: 6 }),
    fc.array(fc.nat({ max: 9 }), { maxLength: 30 }),
    fc.constantFrom("", "y".repeat(20_000)),
    async (parts, cuts, long) => {
      const whole = parts.map((it) => mark(it.owner) + it.text + long + (it.ends ? "\n" : "")).join(
        "",
      );
      const chunks: string[] = [];
      let at = 0;
      for (const size of cuts) chunks.push(whole.slice(at, at += size));
      chunks.push(whole.slice(at));
      const lines = await read(...chunks);
      const expected = parts.filter((it) => it.ends || it.text + long !== "");
      assert.deepEqual(lines.map((it) => it.owner), expected.map((it) => it.owner));
      assert.ok(lines.every((it, i) => it.text.startsWith(expected[i]?.text ?? "?")));
      assert.ok(lines.every((it) => !it.text.includes(NONCE)));
    },
  ));
});

Deno.test("OutputReader delivers a flood over many turns of the event loop", async () => {
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const lines = await linesOf("x\n".repeat(50_000));
  running = false;
  assert.equal(lines.length, 50_000);
  assert.ok(turns >= 50_000 / 256 / 2, `${turns} turns`);
});

Deno.test("OutputReader.leave() ends the reader although the pipe stays open", async () => {
  const pipe = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("a\nb")),
  });
  const lines: string[] = [];
  const first = Promise.withResolvers<void>();
  const reader = new OutputReader(pipe, {
    onLine: ({ text }) => {
      lines.push(text);
      first.resolve();
    },
  });
  await first.promise;
  await reader.leave();
  assert.deepEqual(lines, ["a", "b"]);
});

Deno.test("OutputTail keeps the last lines, without blank ones, each cut", () => {
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

Deno.test("OutputTail keeps what Python said before it dumped its stacks", () => {
  const tail = new OutputTail(20);
  const frame = (n: number): string => `  File "/tool.py", line ${n} in f${n}`;
  tail.push(line("Fatal Python error: Aborted"));
  const threads = ["Thread 0x1f", "Thread 0x2f [name]", "Current thread 0x3f"];
  for (const thread of threads) {
    tail.push(line(`${thread} (most recent call first):`));
    for (let n = 0; n < 50; n++) {
      tail.push(line(frame(n)));
      tail.push(line(`  File "/checkout/python/src/snakeden/runner.py", line ${n} in _run`));
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

Deno.test("OutputTail keeps all of a traceback, also of the package itself", () => {
  const tail = new OutputTail(20);
  for (let n = 0; n < 10; n++) {
    tail.push(line(`  File "/src/snakeden/wire.py", line ${n}, in f${n}`));
  }
  assert.equal(tail.lines.length, 10);
});

Deno.test("OutputTail.of() shows a call what it has written itself, and what the process wrote as it died", () => {
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

Deno.test("OutputTail.of() takes no line of another call for what the process wrote as it died", () => {
  const tail = new OutputTail();
  tail.push(line("Fatal Python error: not really", 3));
  tail.push(line("secret of another caller", 3));
  tail.push(line("mine", 4));
  tail.push(line("secret of a third one", 5));
  assert.deepEqual(tail.of([4]), ["mine"]);
});
