import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import type { CrashRecord } from "../../../src/pool/crashes/crash_record.ts";
import { PoisonMemory, type PoisonOptions } from "../../../src/pool/crashes/poison_memory.ts";

const OPTIONS: PoisonOptions = { poisonAfter: 3, crashWindowMs: 100, poisonMs: 1_000 };

function crash(n: number): CrashRecord {
  return {
    workerId: `p-${n}`,
    incarnation: `p-${n}.x`,
    at: "2026-01-01T00:00:00.000Z",
    exitCode: 1,
    signal: null,
    crash: { kind: "exit" },
    mayHaveRun: true,
  };
}

function called(args: unknown, tool = "crunch"): { tool: string; args: Value } {
  return { tool, args: Value.from(args) };
}

function kill(memory: PoisonMemory, args: unknown, times: readonly number[], tool?: string): void {
  times.forEach((at, n) => memory.note(called(args, tool), crash(n), { now: at }));
}

Deno.test("PoisonMemory recognizes a tool with its arguments after poisonAfter crashes within the window", () => {
  const memory = new PoisonMemory(OPTIONS);
  kill(memory, { n: 1 }, [0, 50]);
  assert.equal(memory.recordsOf(called({ n: 1 }), 50), undefined);
  kill(memory, { n: 1 }, [99]);
  assert.deepStrictEqual(
    memory.recordsOf(called({ n: 1 }), 99)?.map((it) => it.workerId),
    ["p-0", "p-1", "p-0"],
  );
  assert.ok(memory.recordsOf(called({ n: 1 }), 1_098));
  assert.equal(memory.recordsOf(called({ n: 1 }), 1_099), undefined);
});

Deno.test("PoisonMemory does not count crashes that are older than the window", () => {
  const memory = new PoisonMemory(OPTIONS);
  kill(memory, { n: 1 }, [0, 50, 150, 151]);
  assert.equal(memory.recordsOf(called({ n: 1 }), 151), undefined);
});

Deno.test("PoisonMemory does not match other arguments of the same length, or other tools", () => {
  const memory = new PoisonMemory(OPTIONS);
  kill(memory, { n: 1 }, [0, 0, 0]);
  assert.equal(memory.recordsOf(called({ n: 2 }), 1), undefined);
  assert.equal(memory.recordsOf(called({ n: 10 }), 1), undefined);
  assert.equal(memory.recordsOf(called({ n: 1 }, "other"), 1), undefined);
  assert.ok(memory.recordsOf(called({ n: 1 }), 1));
});

Deno.test("PoisonMemory compares buffers too", () => {
  const memory = new PoisonMemory(OPTIONS);
  kill(memory, { data: new Uint8Array([1, 2, 3]) }, [0, 0, 0]);
  assert.ok(memory.recordsOf(called({ data: new Uint8Array([1, 2, 3]) }), 1));
  assert.equal(memory.recordsOf(called({ data: new Uint8Array([1, 2, 4]) }), 1), undefined);
});

Deno.test("PoisonMemory remembers a call that is known to be poison at once", () => {
  const memory = new PoisonMemory(OPTIONS);
  memory.note(called("x"), crash(3), { now: 0, own: [crash(1), crash(2), crash(3)] });
  assert.equal(memory.recordsOf(called("x"), 999)?.length, 3);
});

Deno.test("PoisonMemory bounds large arguments, many calls and many tools", () => {
  const memory = new PoisonMemory(OPTIONS);
  const large = "x".repeat(1024 * 1024);
  kill(memory, large, [0, 0, 0]);
  assert.equal(memory.recordsOf(called(large), 1), undefined);
  for (let n = 0; n < 20; n++) kill(memory, { n }, [0, 0, 0]);
  assert.equal(memory.recordsOf(called({ n: 3 }), 1), undefined);
  assert.ok(memory.recordsOf(called({ n: 19 }), 1));
  for (let n = 0; n < 64; n++) kill(memory, { n }, [0, 0, 0], `tool${n}`);
  assert.equal(memory.recordsOf(called({ n: 19 }), 1), undefined);
  assert.ok(memory.recordsOf(called({ n: 63 }, "tool63"), 1));
});

Deno.test("PoisonMemory remembers nothing when it is turned off", () => {
  const memory = new PoisonMemory({ ...OPTIONS, poisonMs: 0 });
  kill(memory, { n: 1 }, [0, 0, 0, 0]);
  assert.equal(memory.recordsOf(called({ n: 1 }), 0), undefined);
});

Deno.test("PoisonMemory forgets the tool whose last crash is the oldest", () => {
  const memory = new PoisonMemory({ ...OPTIONS, poisonAfter: 1 });
  for (let i = 0; i < 64; i++) kill(memory, {}, [0], `tool-${i}`);
  // The first one is seen again, so that the second one makes room for another.
  kill(memory, {}, [1], "tool-0");
  kill(memory, {}, [2], "another");
  const isKnown = (tool: string): boolean => memory.recordsOf(called({}, tool), 2) !== undefined;
  assert.deepEqual(["tool-0", "tool-1", "tool-2", "another"].map(isKnown), [
    true,
    false,
    true,
    true,
  ]);
});
