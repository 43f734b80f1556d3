import assert from "node:assert/strict";
import { Alarms } from "../../../src/async/alarms.ts";
import type { ProgressNote, Sent } from "../../../src/pool/profiles/mod.ts";
import {
  MAX_IN_FLIGHT,
  ProcessWindow,
  RECALL_AFTER_MS,
} from "../../../src/pool/profiles/process.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { liveObjects } from "../../fixtures/live_objects.ts";

/** Width of a slot of the alarms. */
const SLOT_MS = 4;

interface SetUp {
  readonly clock: FakeClock;
  readonly calls: ProcessWindow<Sent>;
  /** Alarms that are set. */
  alarms(): number;
  recalls(): number;
  add(expectedMs?: number): Sent;
  remove(call: Sent): void;
  hasRoom(budgetMs?: number): boolean;
}

function setUp(): SetUp {
  const clock = new FakeClock();
  let recalls = 0;
  let linkId = 0;
  const alarms = new Alarms(clock);
  const calls = new ProcessWindow<Sent>({ alarms, recall: () => recalls++ });
  return {
    clock,
    calls,
    alarms: () => alarms.size,
    recalls: () => recalls,
    add(expectedMs = 0.25): Sent {
      const call = { linkId: ++linkId, expectedMs: 0, inFlightSince: 0 };
      calls.add(call, expectedMs, clock.now());
      return call;
    },
    remove: (call) => assert.ok(calls.remove(call, clock.now())),
    hasRoom: (budgetMs = 1) => calls.hasRoom(budgetMs, clock.now()),
  };
}

Deno.test("ProcessWindow.begun is the oldest call, from its sending or the answer before it", () => {
  const it = setUp();
  const killAt = (call: Sent): number => it.calls.killAt(call, 100, it.clock.now());
  const first = it.add();
  const since = it.clock.now();
  it.clock.advance(3);
  const second = it.add();
  const third = it.add();
  assert.deepStrictEqual([it.calls.begun, it.calls.waiting], [[first], 2]);
  assert.deepStrictEqual([first, second].map((call) => it.calls.hasBegun(call)), [true, false]);
  assert.equal(killAt(first), since + 100);
  it.clock.advance(1);
  it.remove(second);
  assert.deepStrictEqual(it.calls.begun, [first]);
  it.remove(first);
  assert.deepStrictEqual([it.calls.begun, it.calls.waiting], [[third], 0]);
  assert.equal(killAt(third), since + 4 + 100);
  it.remove(third);
  assert.deepStrictEqual([it.calls.begun, it.calls.size], [[], 0]);
  assert.equal(it.calls.remove(third, it.clock.now()), false);
});

Deno.test("ProcessWindow.killAt() checks a call that waits again later, however long the others take", () => {
  const it = setUp();
  it.add();
  const waiting = it.add();
  it.clock.advance(1_000);
  assert.equal(it.calls.killAt(waiting, 100, it.clock.now()), it.clock.now() + 100);
  assert.equal(it.calls.killAt(waiting, 1, it.clock.now()), it.clock.now() + RECALL_AFTER_MS);
});

Deno.test("ProcessWindow.hasRoom() is true while the calls are expected to be done within the budget", () => {
  const it = setUp();
  assert.ok(it.hasRoom());
  const calls = [];
  for (; it.hasRoom(); calls.push(it.add()));
  assert.equal(calls.length, 5);
  assert.equal(it.calls.backlogMs, 1.25);
  for (const call of calls) it.remove(call);
  assert.equal(it.calls.backlogMs, 0);
});

Deno.test("ProcessWindow.hasRoom() with a budget of 0 allows one call, even if calls take no time", () => {
  const it = setUp();
  assert.ok(it.hasRoom(0));
  it.add(0);
  assert.ok(!it.hasRoom(0));
});

Deno.test("ProcessWindow.hasRoom() is false while a call of unknown length is in flight", () => {
  const it = setUp();
  const known = it.add();
  const unknown = it.add(Infinity);
  assert.ok(!it.hasRoom(1_000));
  it.remove(unknown);
  assert.ok(it.hasRoom());
  assert.equal(it.calls.backlogMs, 0.25);
  it.remove(known);
  it.remove(it.add(Infinity));
  assert.equal(it.calls.backlogMs, 0);
});

Deno.test("ProcessWindow.hasRoom() is true for a bounded number of calls, however short", () => {
  const it = setUp();
  let count = 0;
  for (; it.hasRoom(); count++) it.add(0);
  assert.equal(count, MAX_IN_FLIGHT);
});

Deno.test("ProcessWindow.hasRoom() is false while the head is overdue", () => {
  const it = setUp();
  const head = it.add();
  it.clock.advance(RECALL_AFTER_MS);
  assert.ok(!it.hasRoom());
  it.add();
  it.remove(head);
  assert.ok(it.hasRoom());
});

Deno.test("ProcessWindow accumulates no rounding errors over many calls", () => {
  const it = setUp();
  for (let i = 0; i < 1_000; i++) {
    const calls = [it.add(0.1), it.add(0.7), it.add(Infinity)];
    for (const call of calls) it.remove(call);
  }
  assert.equal(it.calls.backlogMs, 0);
});

Deno.test("ProcessWindow recalls the calls behind a head once it is overdue at two checks", () => {
  const it = setUp();
  it.add();
  it.add();
  it.clock.advance(RECALL_AFTER_MS + SLOT_MS - 2);
  assert.equal(it.recalls(), 0, "the first look");
  it.clock.advance(SLOT_MS);
  assert.equal(it.recalls(), 1);
  it.clock.advance(10_000);
  assert.equal(it.recalls(), 1);
  assert.equal(it.alarms(), 0);
});

Deno.test("ProcessWindow recalls nothing if the host itself was late", () => {
  const it = setUp();
  const head = it.add();
  it.add();
  it.add();
  // The alarm rings late, and the answers are read after it.
  it.clock.advance(RECALL_AFTER_MS + SLOT_MS - 2);
  it.remove(head);
  it.clock.advance(SLOT_MS);
  assert.equal(it.recalls(), 0);
  it.clock.advance(RECALL_AFTER_MS + 2 * SLOT_MS);
  assert.equal(it.recalls(), 1, "the next head is looked after as well");
});

Deno.test("ProcessWindow recalls nothing while answers come, and does not set an alarm for each", () => {
  const it = setUp();
  let timers = 0;
  const { clock } = it;
  const after = clock.after.bind(clock);
  clock.after = (delayMs, ring) => {
    timers++;
    return after(delayMs, ring);
  };
  let head = it.add();
  for (let i = 0; i < 1_000; i++) {
    const next = it.add();
    it.remove(head);
    head = next;
    clock.advance(0.1);
  }
  assert.equal(it.recalls(), 0);
  assert.ok(timers <= 100 / RECALL_AFTER_MS + 1, `${timers} timers in 100 ms`);
});

Deno.test("ProcessWindow keeps nothing of a call that waited too long and has ended", async () => {
  class Waiting implements Sent {
    readonly linkId = 2;
    expectedMs = 0;
    inFlightSince = 0;
  }
  const it = setUp();
  const head = it.add();
  (() => {
    const call = new Waiting();
    it.calls.add(call, 0.25, it.clock.now());
    it.clock.advance(RECALL_AFTER_MS + SLOT_MS);
    it.remove(head);
    it.remove(call);
  })();
  assert.equal(it.calls.size, 0);
  assert.deepEqual(await liveObjects([Waiting]), { Waiting: 0 });
  assert.equal(it.recalls(), 0);
});

Deno.test("ProcessWindow watches a head again that came after a recall", () => {
  const it = setUp();
  const first = it.add();
  it.add();
  it.add();
  it.clock.advance(RECALL_AFTER_MS + 2 * SLOT_MS);
  assert.equal(it.recalls(), 1);
  // The recall crossed an answer, and the rest is stuck again.
  it.remove(first);
  it.clock.advance(RECALL_AFTER_MS + 2 * SLOT_MS);
  assert.equal(it.recalls(), 2);
});

Deno.test("ProcessWindow sets no alarm for a single call", () => {
  const it = setUp();
  it.add();
  assert.equal(it.alarms(), 0);
  const second = it.add();
  assert.equal(it.alarms(), 1);
  it.remove(second);
  it.clock.advance(1_000);
  assert.deepStrictEqual([it.recalls(), it.alarms()], [0, 0]);
});

/** A note of the call that began last. */
function noteOf(started: number): ProgressNote & { disposed: boolean } {
  return {
    disposed: false,
    startedCalls: () => [started],
    [Symbol.dispose](): void {
      this.disposed = true;
    },
  };
}

Deno.test("ProcessWindow.drain() returns all calls in order, and clears the alarm", () => {
  const it = setUp();
  const calls = [it.add(), it.add(), it.add()];
  const exit = it.calls.drain({ note: undefined, readToEnd: true });
  assert.deepStrictEqual(exit, { lost: calls, unstarted: [] });
  assert.deepStrictEqual([it.calls.size, it.calls.backlogMs, it.alarms()], [0, 0, 0]);
});

Deno.test("ProcessWindow.drain() splits the calls at the one that was noted", () => {
  const cases: readonly [
    started: number,
    readToEnd: boolean,
    lost: number[],
    unstarted: number[],
  ][] = [
    // The second one ran. The answer to the first was not on the link, so that one was given back.
    [2, true, [2], [1, 3]],
    // The link may still have held that answer.
    [2, false, [1, 2], [3]],
    [1, true, [1], [2, 3]],
    [3, false, [1, 2, 3], []],
    // None of them had begun.
    [0, true, [], [1, 2, 3]],
    // A damaged note says nothing.
    [99, true, [1, 2, 3], []],
  ];
  for (const [started, readToEnd, lost, unstarted] of cases) {
    const it = setUp();
    for (let i = 0; i < 3; i++) it.add();
    const note = noteOf(started);
    const exit = it.calls.drain({ note, readToEnd });
    const ids = (calls: readonly Sent[]): number[] => calls.map(({ linkId }) => linkId);
    assert.deepStrictEqual([ids(exit.lost), ids(exit.unstarted)], [lost, unstarted], `${started}`);
    assert.ok(note.disposed);
  }
});
