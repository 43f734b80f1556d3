import assert from "node:assert/strict";
import { RunLog } from "../../../src/jobs/engine/run_log.ts";
import type { RunLines, StoredLine } from "../../../src/store/mod.ts";

const LIMITS = { maxBytes: 1_000_000, maxLineChars: 100 };

function line(text: string): StoredLine {
  return { at: 1, source: "stdout", text };
}

function textsOf(parts: readonly RunLines[]): string[] {
  return parts.flatMap(({ body, lines }) => {
    const texts = new TextDecoder().decode(body).split("\n").slice(0, -1);
    assert.equal(texts.length, lines);
    return texts.map((it) => (JSON.parse(it) as StoredLine).text);
  });
}

Deno.test("RunLog numbers its lines from 1, over all that is taken", () => {
  const log = new RunLog(LIMITS);
  for (const text of ["a", "b"]) log.add(line(text));
  const first = log.take();
  for (const text of ["c", "d"]) log.add(line(text));
  const second = log.take();
  assert.deepEqual([...textsOf(first), ...textsOf(second)], ["a", "b", "c", "d"]);
  assert.deepEqual(
    [...first, ...second].map(({ first, lines, leftOut }) => [first, lines, leftOut]),
    [[1, 2, 0], [3, 2, 0]],
  );
  assert.deepEqual([log.isEmpty, log.waitingBytes, log.take()], [true, 0, []]);
});

Deno.test("RunLog.putBack() keeps parts as they were, before those that came meanwhile", () => {
  const log = new RunLog(LIMITS);
  log.add(line("a"));
  const taken = log.take();
  log.add(line("b"));
  log.putBack(taken);
  assert.equal(log.isEmpty, false);
  const again = log.take();
  assert.equal(again[0], taken[0]);
  assert.deepEqual(textsOf(again), ["a", "b"]);
});

Deno.test("RunLog says where lines are missing, and keeps those that follow", () => {
  const log = new RunLog({ ...LIMITS, maxBytes: 500 });
  log.add(line("a"));
  log.miss(2);
  log.miss(1);
  log.add(line("b"));
  log.miss(1);
  log.close();
  log.close();
  assert.deepEqual(textsOf(log.take()), [
    "a",
    "3 lines are missing here, which came faster than they could be kept",
    "b",
    "1 line is missing here, which came faster than they could be kept",
  ]);
  // Behind the last bytes that a log keeps, they are left out like all others.
  for (let i = 0; i < 10; i++) log.add(line("x".repeat(100)));
  log.take();
  log.miss(7);
  log.close();
  assert.deepEqual(log.take().map(({ lines, leftOut }) => [lines, leftOut]), [[0, 7]]);
});

Deno.test("RunLog.take() takes the first parts that have so many bytes, and the rest later", () => {
  const log = new RunLog({ ...LIMITS, maxBytes: Infinity });
  const texts = Array.from({ length: 10_000 }, (_, i) => `${i}`.padEnd(80, "x"));
  for (const text of texts) log.add(line(text));
  const all = log.waitingBytes;
  const taken: RunLines[][] = [];
  for (let parts = log.take(100_000); parts.length > 0; parts = log.take(100_000)) {
    taken.push(parts);
    const bytes = parts.reduce((sum, { body }) => sum + body.byteLength, 0);
    assert.ok(bytes < 200_000, String(bytes));
  }
  assert.ok(all > 1_000_000 && taken.length > 5);
  assert.deepEqual([log.isEmpty, log.waitingBytes], [true, 0]);
  assert.deepEqual(textsOf(taken.flat()), texts);
});

Deno.test("RunLog counts lines beyond its bytes, and holds few while nobody takes them", () => {
  const log = new RunLog({ ...LIMITS, maxBytes: 200 });
  for (let i = 0; i < 50; i++) log.add(line("x"));
  const parts = log.take();
  const kept = textsOf(parts).length;
  assert.ok(kept > 2 && kept < 10, String(kept));
  assert.equal(parts.reduce((sum, it) => sum + (it.leftOut ?? 0), 0), 50 - kept);
  const slow = new RunLog({ maxBytes: Infinity, maxLineChars: 1_000 });
  for (let i = 0; i < 20_000; i++) slow.add(line("x".repeat(1_000)));
  assert.ok(slow.waitingBytes < 9 * 1024 * 1024);
  const all = slow.take();
  assert.ok(all.every(({ body }) => body.byteLength <= 64 * 1024));
  slow.add({ ...line("last"), source: "host" });
  const [missing = "", ...last] = textsOf(slow.take());
  assert.deepEqual(last, ["last"]);
  assert.equal(
    textsOf(all).length + Number(/^\d+(?= lines are missing here)/.exec(missing)),
    20_000,
  );
});

Deno.test("RunLog leaves out the middle of a long text, and keeps any characters", () => {
  const log = new RunLog(LIMITS);
  const texts = ["\u{1f40d} \0 \u001b[1m", "\ud800 alone"];
  for (const text of [...texts, "y".repeat(1_000)]) log.add(line(text));
  const [first, second, long] = textsOf(log.take());
  assert.deepEqual([first, second], texts);
  assert.equal(long, `${"y".repeat(75)} … 900 characters left out … ${"y".repeat(25)}`);
});
