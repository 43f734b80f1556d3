import assert from "node:assert/strict";
import { Alarms } from "../../../src/async/alarms.ts";
import { ConcurrentWindow } from "../../../src/pool/profiles/concurrent.ts";
import type { ProgressNote, Sent } from "../../../src/pool/profiles/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";

function setUp(capacity: number) {
  const clock = new FakeClock();
  let [recalls, sent] = [0, 0];
  const window = new ConcurrentWindow<Sent>(capacity, {
    alarms: new Alarms(clock),
    recall: () => recalls++,
  });
  return {
    clock,
    window,
    recalls: () => recalls,
    /** Adds a call as a worker does, which gets its number after it was added. */
    add: (expectedMs = 0.1): Sent => {
      const call = { linkId: 0, expectedMs: 0, inFlightSince: 0 };
      window.add(call, expectedMs, clock.now());
      call.linkId = ++sent;
      return call;
    },
    remove: (call: Sent) => window.remove(call, clock.now()),
    hasRoom: (budgetMs: number) => window.hasRoom(budgetMs, clock.now()),
  };
}

function noteOf(...started: number[]): ProgressNote {
  return { startedCalls: () => started, [Symbol.dispose]: () => {} };
}

function idsOf(calls: readonly Sent[]): number[] {
  return calls.map(({ linkId }) => linkId);
}

Deno.test("ConcurrentWindow.begun are the oldest calls, whichever of them end first", () => {
  const it = setUp(2);
  const [first, second, third, fourth] = [it.add(), it.add(), it.add(), it.add()];
  it.remove(second);
  assert.deepEqual(it.window.begun, [first, third]);
  it.remove(fourth);
  it.remove(first);
  assert.deepEqual([it.window.begun, it.window.waiting], [[third], 0]);
  const fifth = it.add();
  assert.deepEqual(it.window.begun, [third, fifth]);
});

Deno.test("ConcurrentWindow.hasRoom() is true while a place is free, however long the calls run", () => {
  const it = setUp(2);
  it.add(Infinity);
  it.clock.advance(100_000);
  assert.ok(it.hasRoom(0));
  it.add(Infinity);
  assert.ok(!it.hasRoom(0));
  assert.ok(!it.hasRoom(1_000));
});

Deno.test("ConcurrentWindow.hasRoom() sends ahead behind short calls until one is late", () => {
  const it = setUp(2);
  it.add();
  it.add();
  assert.ok(it.hasRoom(1));
  it.add();
  assert.ok(it.hasRoom(1));
  it.clock.advance(10);
  assert.ok(!it.hasRoom(1));
});

Deno.test("ConcurrentWindow.killAt() gives each call its grace from the time at which it began", () => {
  const it = setUp(1);
  const start = it.clock.now();
  const first = it.add();
  it.clock.advance(100);
  const second = it.add();
  assert.equal(it.window.killAt(first, 50, it.clock.now()), start + 50);
  it.clock.advance(100);
  assert.ok(it.window.killAt(second, 50, it.clock.now()) > it.clock.now());
  it.remove(first);
  assert.equal(it.window.killAt(second, 50, it.clock.now()), it.clock.now() + 50);
});

Deno.test("ConcurrentWindow recalls calls that wait too long, and stops when none waits", () => {
  const it = setUp(2);
  const running = [it.add(), it.add()];
  const waiting = it.add();
  it.clock.advance(20);
  assert.ok(it.recalls() > 0);
  const before = it.recalls();
  it.remove(waiting);
  it.clock.advance(1_000);
  assert.equal(it.recalls(), before);
  assert.deepEqual(it.window.begun, running);
});

Deno.test("ConcurrentWindow.drain() loses the calls that were noted, and no other", () => {
  const cases: readonly [started: number[], readToEnd: boolean, lost: number[]][] = [
    [[3, 2], true, [2, 3]],
    // The call 1 is not noted: it was given back, or its answer is still on the link.
    [[3, 2], false, [1, 2, 3]],
    // The call 6 was answered.
    [[6, 0], true, []],
    [[6, 4], true, [4]],
    [[0, 0], false, []],
    // A damaged note says nothing.
    [[99, 0], true, [1, 2, 3, 4]],
  ];
  for (const [started, readToEnd, lost] of cases) {
    const it = setUp(2);
    const calls = [it.add(), it.add(), it.add(), it.add(), it.add(), it.add()];
    for (const call of calls.slice(4)) it.remove(call);
    const exit = it.window.drain({ note: noteOf(...started), readToEnd });
    assert.deepEqual(idsOf(exit.lost), lost, `${started} ${readToEnd}`);
    const others = [1, 2, 3, 4].filter((id) => !lost.includes(id));
    assert.deepEqual(idsOf(exit.unstarted), others);
  }
});
