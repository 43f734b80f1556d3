import assert from "node:assert/strict";
import { Quarantine, type TaintOptions } from "../../../src/pool/supervision/quarantine.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";

function setUp(options: Partial<TaintOptions> = {}): { taints: Quarantine; clock: FakeClock } {
  const clock = new FakeClock();
  const all = { size: 4, crashWindowMs: 1_000, taintAfter: 3, taintMs: 500, ...options };
  return { clock, taints: new Quarantine(all, () => clock.now()) };
}

function crash(taints: Quarantine, id: string, times: number): boolean[] {
  return Array.from({ length: times }, () => taints.crashed(id));
}

Deno.test("Quarantine.crashed() taints a place after so many crashes within the window, for a while", () => {
  const { taints, clock } = setUp();
  assert.deepStrictEqual(crash(taints, "p-1", 3), [false, false, true]);
  assert.deepStrictEqual(taints.places, [{ workerId: "p-1", remainingMs: 500 }]);
  assert.equal(taints.pauseMs("p-1"), 500);
  assert.equal(taints.pauseMs("p-2"), 0);
  clock.advance(499);
  assert.equal(taints.pauseMs("p-1"), 1);
  clock.advance(1);
  assert.deepStrictEqual([taints.pauseMs("p-1"), taints.places], [0, []]);
  assert.deepStrictEqual(crash(taints, "p-1", 3), [false, false, true], "it counts anew");
});

Deno.test("Quarantine.crashed() forgets crashes that are older than the window", () => {
  const { taints, clock } = setUp();
  crash(taints, "p-1", 2);
  clock.advance(1_000);
  assert.deepStrictEqual(crash(taints, "p-1", 3), [false, false, true]);
});

Deno.test("Quarantine.crashed() counts places apart", () => {
  const { taints } = setUp();
  for (const id of ["p-1", "p-2", "p-3"]) {
    assert.deepStrictEqual(crash(taints, id, 2), [false, false]);
  }
  assert.deepStrictEqual(taints.places, []);
});

Deno.test("Quarantine.crashed() taints half of the places at most, and none of one", () => {
  for (const [size, most] of [[1, 0], [2, 1], [3, 1], [4, 2], [5, 2]] as const) {
    const { taints, clock } = setUp({ size });
    for (let i = 1; i <= size; i++) crash(taints, `p-${i}`, 3);
    assert.equal(taints.places.length, most, `of ${size}`);
    clock.advance(500);
    assert.deepStrictEqual(taints.places, []);
  }
});

Deno.test("Quarantine.crashed() taints none when it is turned off", () => {
  const { taints } = setUp({ taintAfter: 0 });
  assert.ok(crash(taints, "p-1", 50).every((it) => !it));
});
