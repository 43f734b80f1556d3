import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type OutputLine,
  OutputMarks,
  STARTUP,
} from "../../../../src/pool/workers/output/output_marks.ts";
import { OutputReader } from "../../../../src/process/output_reader.ts";
import { bytePipe } from "../../../fixtures/fakes/byte_pipe.ts";

const NONCE = "n0n5e";

async function read(...chunks: string[]): Promise<OutputLine[]> {
  const lines: OutputLine[] = [];
  const marks = new OutputMarks(NONCE);
  const onLine = (text: string): void => {
    const line = marks.take(text);
    if (line !== undefined) lines.push(line);
  };
  const encoder = new TextEncoder();
  await new OutputReader(bytePipe(chunks.map((it) => encoder.encode(it))), { onLine }).ended;
  return lines;
}

async function linesOf(...chunks: string[]): Promise<string[]> {
  return (await read(...chunks)).map(({ text }) => text);
}

function mark(owner: number): string {
  return `\x1e${NONCE}:${owner}\n`;
}

function line(text: string, owner = STARTUP): OutputLine {
  return { text, owner };
}

Deno.test("OutputMarks reads the owners of lines from marks, and ends a line at a mark", async () => {
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

Deno.test("OutputMarks reads the owner of a single line from the mark at its end", async () => {
  assert.deepEqual(
    await read(
      `${mark(7)}one\nof a fork\x1e${NONCE}:of=3\n\x1e${NONCE}:of=3\n`,
      `cr\r\x1e${NONCE}:of=0\ntwo\n`,
    ),
    [line("one", 7), line("of a fork", 3), line("", 3), line("cr", 0), line("two", 7)],
  );
});

Deno.test("OutputMarks.ownStatus is the exit status that a mark announces", () => {
  const marks = new OutputMarks(NONCE);
  marks.take(`\x1e${NONCE}:7`);
  for (const forged of ["exit=5", "\x1eother:exit=5", `\x1e${NONCE}:exit=x`]) marks.take(forged);
  assert.equal(marks.ownStatus, undefined);
  assert.deepEqual(marks.take(`half a line\x1e${NONCE}:exit=5`), line("half a line", 7));
  assert.equal(marks.take(`\x1e${NONCE}:exit=5`), undefined);
  assert.equal(marks.ownStatus, 5);
  assert.deepEqual(marks.take("after"), line("after", 7));
});

Deno.test("OutputMarks.ended is the call whose output has ended with the last line", () => {
  const marks = new OutputMarks(NONCE);
  marks.take(`\x1e${NONCE}:7`);
  assert.deepEqual(marks.take(`part\x1e${NONCE}:end=7`), line("part", 7));
  assert.equal(marks.ended, 7);
  assert.deepEqual(marks.take("after"), line("after", 0));
  assert.equal(marks.ended, undefined);
  assert.equal(marks.take(`\x1e${NONCE}:end=8`), undefined);
  assert.equal(marks.ended, 8);
});

Deno.test("OutputMarks finds marks wherever the pipe splits them, after lines of any length", async () => {
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
