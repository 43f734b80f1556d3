import assert from "node:assert/strict";
import type { LogEntry } from "../../src/log.ts";
import { HostOutput, lineReader } from "../../src/spawn/host_output.ts";

function output(): { out: HostOutput; entries: LogEntry[]; steps: string[] } {
  const entries: LogEntry[] = [];
  const steps: string[] = [];
  const out = new HostOutput({
    onLog: (it) => entries.push(it),
    onSetupProgress: (it) => steps.push(it),
  });
  return { out, entries, steps };
}

Deno.test("HostOutput passes on entries of the log with their properties", () => {
  const { out, entries } = output();
  out.take(
    '{"time":"2026-01-02T03:04:05.000Z","level":"warning","category":"pool","message":"m","n":1}',
  );
  assert.deepEqual(entries, [{
    time: new Date("2026-01-02T03:04:05.000Z"),
    level: "warning",
    category: "pool",
    message: "m",
    properties: { n: 1 },
  }]);
});

Deno.test("HostOutput passes on lines that are no entries, and no empty ones", () => {
  const { out, entries, steps } = output();
  for (const line of ["", "  ", "error: no network", "{broken", '{"level":"info"}', "[1]"]) {
    out.take(line);
  }
  assert.deepEqual(entries.map(({ category, message }) => [category, message]), [
    ["host", "error: no network"],
    ["host", "{broken"],
    ["host", '{"level":"info"}'],
    ["host", "[1]"],
  ]);
  assert.deepEqual(steps, []);
});

Deno.test("HostOutput tells the steps of the first start", () => {
  const { out, steps } = output();
  out.take("Download https://example.com/zod");
  out.take(
    '{"time":"2026-01-02T03:04:05.000Z","level":"info","category":"python","message":"a","progress":"a"}',
  );
  out.take(
    '{"time":"2026-01-02T03:04:05.000Z","level":"info","category":"worker","message":"b","progress":"b"}',
  );
  assert.deepEqual(steps, ["Download https://example.com/zod", "a"]);
});

Deno.test("HostOutput keeps the last 20 lines for errors", () => {
  const { out } = output();
  assert.equal(out.lastLines, "");
  for (let i = 0; i < 25; i++) out.take(`line ${i}`);
  const lines = out.lastLines.split("\n").slice(1);
  assert.equal(lines.length, 20);
  assert.equal(lines.at(-1), "line 24");
});

Deno.test("lineReader() joins pieces, and cuts a line without an end", () => {
  const lines: string[] = [];
  const read = lineReader((it) => lines.push(it));
  for (const piece of ["a", "b\nc", "\n\nd"]) read(piece);
  assert.deepEqual(lines, ["ab", "c", ""]);
  for (let i = 0; i < 10; i++) read("x".repeat(100_000));
  read("\n");
  assert.equal(lines.length, 4);
  assert.ok((lines[3] ?? "").length <= 256 * 1024);
});
