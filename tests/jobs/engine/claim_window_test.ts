import assert from "node:assert/strict";
import { ClaimWindow } from "../../../src/jobs/engine/claim_window.ts";

const ROOM = { free: 2, capacity: 4, queueRoom: 10_000, inFlight: 2, mayRunAhead: true };

/** Returns a window after jobs that took so long. */
function windowOf(runMs: number, { argsBytes = 10, claimMs = 1 } = {}): ClaimWindow {
  const window = new ClaimWindow();
  for (let i = 0; i < 50; i++) {
    window.ran(runMs);
    window.claimed(argsBytes);
    window.answered(claimMs);
  }
  return window;
}

Deno.test("ClaimWindow asks for the free places until it knows how long jobs run", () => {
  assert.equal(new ClaimWindow().slots(ROOM), 2);
  assert.equal(new ClaimWindow().slots({ ...ROOM, free: 0 }), 0);
});

Deno.test("ClaimWindow claims nothing ahead of jobs that take longer than a claim", () => {
  assert.equal(windowOf(1_000).slots({ ...ROOM, free: 0, inFlight: 4 }), 0);
  assert.equal(windowOf(1_000).slots(ROOM), 2);
});

Deno.test("ClaimWindow claims what the pool finishes while the next claim is under way", () => {
  const short = windowOf(0.1);
  assert.equal(short.slots({ ...ROOM, free: 4, inFlight: 0 }), 160);
  assert.equal(short.slots({ ...ROOM, free: 4, inFlight: 0, mayRunAhead: false }), 4);
  // A slow store needs more ahead.
  assert.equal(windowOf(0.1, { claimMs: 5 }).slots({ ...ROOM, free: 4, inFlight: 0 }), 400);
  // Not for a few: the workers would run dry while the store answers.
  assert.equal(short.slots({ ...ROOM, free: 0, inFlight: 150 }), 0);
  assert.equal(short.slots({ ...ROOM, free: 0, inFlight: 60 }), 100);
  assert.equal(short.slots({ ...ROOM, free: 1, inFlight: 150 }), 1);
});

Deno.test("ClaimWindow claims ahead for the workers that are there, each with all its places", () => {
  // A pool at rest that may start four workers: nobody finishes anything yet.
  assert.equal(windowOf(0.1).slots({ ...ROOM, free: 4, capacity: 0, inFlight: 0 }), 4);
  assert.equal(windowOf(1).slots({ ...ROOM, free: 4, capacity: 1, inFlight: 0 }), 4);
  assert.equal(windowOf(1).slots({ ...ROOM, free: 20, capacity: 20, inFlight: 0 }), 80);
});

Deno.test("ClaimWindow bounds what is claimed ahead by number, by bytes and by the queue", () => {
  const shortest = windowOf(0);
  assert.equal(shortest.slots({ ...ROOM, inFlight: 0 }), 500);
  assert.equal(shortest.ahead(1_000), 1_000);
  assert.equal(windowOf(0, { argsBytes: 16 * 1024 * 1024 }).ahead(4), 2);
  assert.equal(shortest.slots({ ...ROOM, inFlight: 0, queueRoom: 3 }), 5);
  assert.equal(shortest.slots({ ...ROOM, inFlight: 0, queueRoom: -1 }), 2);
});

Deno.test("ClaimWindow claims nothing ahead after a miss, until a job has ended", () => {
  const window = windowOf(0.1);
  window.missed();
  assert.equal(window.slots({ ...ROOM, free: 0, inFlight: 0 }), 0);
  window.ran(0.1);
  assert.ok(window.slots({ ...ROOM, free: 0, inFlight: 0 }) > 2);
});
