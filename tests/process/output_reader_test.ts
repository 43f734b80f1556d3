import fc from "fast-check";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { OutputReader } from "../../src/process/output_reader.ts";
import { bytePipe } from "../fixtures/fakes/byte_pipe.ts";

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const lines: string[] = [];
  const encoder = new TextEncoder();
  const bytes = chunks.map((it) => typeof it === "string" ? encoder.encode(it) : it);
  const reader = new OutputReader(bytePipe(bytes), { onLine: (it) => lines.push(it) });
  // Skips the pause after a small read, since some tests have thousands of them.
  reader.hurry();
  await reader.ended;
  return lines;
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

Deno.test("OutputReader delivers a last line without a line feed", async () => {
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

Deno.test("OutputReader shortens a very long line to its beginning, its end, and a count", async () => {
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

Deno.test("OutputReader limits the memory for a progress bar without line feeds", async () => {
  const lines = await linesOf(
    ...Array.from({ length: 10_000 }, (_, i) => `\r${i}% ${"#".repeat(90)}`),
  );
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^\r0% .*characters left out.*9999% #+$/s);
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
  const pipe = new ReadableStream({
    type: "bytes",
    start: (controller) => controller.enqueue(new TextEncoder().encode("a\nb")),
  });
  const lines: string[] = [];
  const first = Promise.withResolvers<void>();
  const reader = new OutputReader(pipe, {
    onLine: (text) => {
      lines.push(text);
      first.resolve();
    },
  });
  await first.promise;
  await reader.leave();
  assert.deepEqual(lines, ["a", "b"]);
});

Deno.test("OutputReader leaves lines in the pipe while there is no room, unless it is in a hurry", async () => {
  const lines: string[] = [];
  const { promise: room, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const text = Array.from({ length: 1_000 }, (_, i) => `${i}\n`).join("");
  const reader = new OutputReader(bytePipe([new TextEncoder().encode(text)]), {
    onLine: (it) => lines.push(it),
    room: () => ++asked === 1 ? room : undefined,
  });
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lines.length, 256);
  resolve();
  await reader.ended;
  assert.equal(lines.length, 1_000);
  const hurried = new OutputReader(
    bytePipe([new TextEncoder().encode(text)]),
    { onLine: (it) => lines.push(it), room: () => new Promise(() => {}) },
  );
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lines.length, 1_256);
  hurried.hurry();
  await hurried.ended;
  assert.equal(lines.length, 2_000);
});

Deno.test("OutputReader gives a pipe its own memory, so that none is allocated for a read", async () => {
  let offered = 0;
  let left = 100;
  const pipe = new ReadableStream({
    type: "bytes",
    pull(controller): void {
      const { byobRequest } = controller;
      if (byobRequest?.view) offered++;
      if (left-- > 0) controller.enqueue(new Uint8Array([0x61, 0x0a]));
      else {
        controller.close();
        byobRequest?.respond(0);
      }
    },
  });
  const output = new OutputReader(pipe, { onLine: () => {} });
  output.hurry();
  await output.ended;
  assert.ok(offered >= 100, `${offered} of 101 reads`);
});
