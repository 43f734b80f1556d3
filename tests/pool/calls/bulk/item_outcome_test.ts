import assert from "node:assert/strict";
import { Value } from "../../../../src/bridge/mod.ts";
import { PythonError, SnakedenError } from "../../../../src/errors.ts";
import { readOutcomes, unreadChunk } from "../../../../src/pool/calls/bulk/item_outcome.ts";

const encoder = new TextEncoder();

function chunk(text: string, buffers: Uint8Array[] = []): Value {
  return new Value({ json: encoder.encode(text), tagged: buffers.length > 0, buffers });
}

const CONTEXT = { tool: "add", workerId: "w-1", timeoutMs: 50, queueMs: 1 };

function read(value: Value): ReturnType<typeof readOutcomes> {
  return readOutcomes(value, (runMs) => ({ ...CONTEXT, runMs }));
}

Deno.test("readOutcomes() takes results apart without reading them", () => {
  assert.deepEqual(read(chunk('[{"result":1}]')), ["1"]);
  assert.deepEqual(read(chunk('[{"result":[1,{"error":2}]},\n{"result":"}\\n"}]')), [
    '[1,{"error":2}]',
    '"}\\n"',
  ]);
});

Deno.test("readOutcomes() returns a result with tags as a value", () => {
  const [outcome] = read(
    chunk('{"result":{"$snakeden":"bytes","buffer":0}}', [new Uint8Array([1, 2])]),
  );
  assert(outcome instanceof Value);
  assert.deepEqual(outcome.decode(), new Uint8Array([1, 2]));
});

Deno.test("readOutcomes() returns the error that a call fails with", () => {
  const python = { type: "ValueError", message: "no", traceback: "" };
  const errors = [
    { code: "python_exception", message: "tool 'add' raised", runMs: 2, python },
    { code: "deadline_exceeded", message: "late", runMs: 60 },
    { code: "never heard of", message: "?", runMs: 1 },
  ];
  const text = errors.map((error) => JSON.stringify({ error })).join(",\n");
  const [raised, late, unknown] = read(chunk(`[${text}]`));
  assert(raised instanceof PythonError);
  assert.deepEqual({ ...raised.python }, python);
  assert(late instanceof SnakedenError && late.message.includes("run 60 ms"), String(late));
  assert(unknown instanceof SnakedenError);
  assert.equal(unknown.code, "internal");
});

Deno.test("readOutcomes() refuses what no worker sends", () => {
  assert.throws(() => read(chunk('[{"other":1}]')), { code: "internal" });
  assert.throws(() => read(chunk("[]")), { code: "internal" });
});

Deno.test("unreadChunk() returns what follows without a gap, whatever the order of the areas", () => {
  const area = (first: number, ...numbers: number[]): { first: number; text: string } => ({
    first,
    text: numbers.map((it) => `{"result":${it}},\n`).join(""),
  });
  const unread = (next: number, ...areas: ReturnType<typeof area>[]): unknown[] => {
    const rest = unreadChunk(areas, next);
    return rest === undefined ? [] : read(rest).map(Number);
  };
  assert.deepEqual(unread(0, area(0), area(0)), []);
  assert.deepEqual(unread(0, area(2, 2, 3), area(0, 0, 1)), [0, 1, 2, 3]);
  assert.deepEqual(unread(1, area(2, 2, 3), area(0, 0, 1)), [1, 2, 3]);
  assert.deepEqual(unread(3, area(2, 2, 3), area(0, 0, 1)), [3]);
  assert.deepEqual(unread(4, area(2, 2, 3), area(0, 0, 1)), []);
  // The outcome of item 2 was sent alone, and is lost.
  assert.deepEqual(unread(0, area(3, 3), area(0, 0, 1)), [0, 1]);
  assert.deepEqual(unread(2, area(3, 3), area(0, 0, 1)), []);
});
