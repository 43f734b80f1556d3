import assert from "node:assert/strict";
import { Alarms } from "../../../src/async/alarms.ts";
import {
  InFlight,
  MAX_IN_FLIGHT,
  RECALL_AFTER_MS,
  type Sent,
} from "../../../src/pool/calls/in_flight.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";

/** Width of a slot of the alarms. */
const SLOT_MS = 4;

interface SetUp {
  readonly clock: FakeClock;
  readonly calls: InFlight<Sent>;
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
  const alarms = new Alarms(clock);
  const calls = new InFlight<Sent>(alarms, () => recalls++);
  return {
    clock,
    calls,
    alarms: () => alarms.size,
    recalls: () => recalls,
    add(expectedMs = 0.25): Sent {
      const call = { expectedMs: 0, inFlightSince: 0 };
      calls.add(call, expectedMs, clock.now());
      return call;
    },
    remove: (call) => assert.ok(calls.remove(call, clock.now())),
    hasRoom: (budgetMs = 1) => calls.hasRoom(budgetMs, clock.now()),
  };
}

Deno.test("InFlight.head is the oldest call, since it was sent or since the one before it was answered", () => {
  const it = setUp();
  const first = it.add();
  const since = it.clock.now();
  it.clock.advance(3);
  const second = it.add();
  const third = it.add();
  assert.deepStrictEqual([it.calls.head, it.calls.headSince], [first, since]);
  it.clock.advance(1);
  it.remove(second);
  assert.deepStrictEqual([it.calls.head, it.calls.headSince], [first, since]);
  it.remove(first);
  assert.deepStrictEqual([it.calls.head, it.calls.headSince], [third, since + 4]);
  it.remove(third);
  assert.deepStrictEqual([it.calls.head, it.calls.size], [undefined, 0]);
  assert.equal(it.calls.remove(third, it.clock.now()), false);
});

Deno.test("InFlight.hasRoom() while the calls are expected to be done within the budget", () => {
  const it = setUp();
  assert.ok(it.hasRoom());
  const calls = [];
  for (; it.hasRoom(); calls.push(it.add()));
  assert.equal(calls.length, 5);
  assert.equal(it.calls.backlogMs, 1.25);
  for (const call of calls) it.remove(call);
  assert.equal(it.calls.backlogMs, 0);
});

Deno.test("InFlight.hasRoom() makes a window of one with a budget of 0, also for calls that take no time", () => {
  const it = setUp();
  assert.ok(it.hasRoom(0));
  it.add(0);
  assert.ok(!it.hasRoom(0));
});

Deno.test("InFlight.hasRoom() for nothing behind a call of unknown length, and again when that one is gone", () => {
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

Deno.test("InFlight.hasRoom() for a bounded number of calls, however short", () => {
  const it = setUp();
  let count = 0;
  for (; it.hasRoom(); count++) it.add(0);
  assert.equal(count, MAX_IN_FLIGHT);
});

Deno.test("InFlight.hasRoom() is false while the head is overdue", () => {
  const it = setUp();
  const head = it.add();
  it.clock.advance(RECALL_AFTER_MS);
  assert.ok(!it.hasRoom());
  it.add();
  it.remove(head);
  assert.ok(it.hasRoom());
});

Deno.test("InFlight rounds nothing into its backlog over many calls", () => {
  const it = setUp();
  for (let i = 0; i < 1_000; i++) {
    const calls = [it.add(0.1), it.add(0.7), it.add(Infinity)];
    for (const call of calls) it.remove(call);
  }
  assert.equal(it.calls.backlogMs, 0);
});

Deno.test("InFlight recalls what waits behind a head that is overdue in two looks, once", () => {
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

Deno.test("InFlight recalls nothing when it was the host that was late", () => {
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

Deno.test("InFlight recalls nothing while answers come, and does not set an alarm for each", () => {
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

Deno.test("InFlight looks after a head again that came after a recall", () => {
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

Deno.test("InFlight needs no alarm for a call that is alone", () => {
  const it = setUp();
  it.add();
  assert.equal(it.alarms(), 0);
  const second = it.add();
  assert.equal(it.alarms(), 1);
  it.remove(second);
  it.clock.advance(1_000);
  assert.deepStrictEqual([it.recalls(), it.alarms()], [0, 0]);
});

Deno.test("InFlight.drain() takes out all calls in order, with the alarm", () => {
  const it = setUp();
  const calls = [it.add(), it.add(), it.add()];
  assert.deepStrictEqual(it.calls.drain(), calls);
  assert.deepStrictEqual([it.calls.size, it.calls.backlogMs, it.alarms()], [0, 0, 0]);
});
