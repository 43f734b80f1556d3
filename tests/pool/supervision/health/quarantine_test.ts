import assert from "node:assert/strict";
import {
  Quarantine,
  type QuarantineOptions,
} from "../../../../src/pool/supervision/health/quarantine.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";

function setUp(
  options: Partial<QuarantineOptions> = {},
): { quarantine: Quarantine; clock: FakeClock } {
  const clock = new FakeClock();
  const all = { size: 4, crashWindowMs: 1_000, taintAfter: 3, taintMs: 500, ...options };
  return { clock, quarantine: new Quarantine(all, () => clock.now()) };
}

function crash(quarantine: Quarantine, id: string, times: number): boolean[] {
  return Array.from({ length: times }, () => quarantine.crashed(id));
}

Deno.test("Quarantine.crashed() quarantines a slot for taintMs after taintAfter crashes within the window", () => {
  const { quarantine, clock } = setUp();
  assert.deepStrictEqual(crash(quarantine, "p-1", 3), [false, false, true]);
  assert.deepStrictEqual(quarantine.slots, [{ workerId: "p-1", remainingMs: 500 }]);
  assert.equal(quarantine.pauseMs("p-1"), 500);
  assert.equal(quarantine.pauseMs("p-2"), 0);
  clock.advance(499);
  assert.equal(quarantine.pauseMs("p-1"), 1);
  clock.advance(1);
  assert.deepStrictEqual([quarantine.pauseMs("p-1"), quarantine.slots], [0, []]);
  assert.deepStrictEqual(crash(quarantine, "p-1", 3), [false, false, true], "it counts anew");
});

Deno.test("Quarantine.crashed() forgets crashes that are older than the window", () => {
  const { quarantine, clock } = setUp();
  crash(quarantine, "p-1", 2);
  clock.advance(1_000);
  assert.deepStrictEqual(crash(quarantine, "p-1", 3), [false, false, true]);
});

Deno.test("Quarantine.crashed() counts each slot separately", () => {
  const { quarantine } = setUp();
  for (const id of ["p-1", "p-2", "p-3"]) {
    assert.deepStrictEqual(crash(quarantine, id, 2), [false, false]);
  }
  assert.deepStrictEqual(quarantine.slots, []);
});

Deno.test("Quarantine.crashed() quarantines half of the slots at most, and never the only one", () => {
  for (const [size, most] of [[1, 0], [2, 1], [3, 1], [4, 2], [5, 2]] as const) {
    const { quarantine, clock } = setUp({ size });
    for (let i = 1; i <= size; i++) crash(quarantine, `p-${i}`, 3);
    assert.equal(quarantine.slots.length, most, `of ${size}`);
    clock.advance(500);
    assert.deepStrictEqual(quarantine.slots, []);
  }
});

Deno.test("Quarantine.crashed() quarantines no slot when it is turned off", () => {
  const { quarantine } = setUp({ taintAfter: 0 });
  assert.ok(crash(quarantine, "p-1", 50).every((it) => !it));
});
