import fc from "fast-check";
import assert from "node:assert/strict";
import { type Alarm, Alarms, LoneAlarm } from "../../src/async/alarms.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

/** The longest time that an alarm rings late. */
const BUCKET_MS = 4;

function alarm(onAlarm: () => void): Alarm {
  return { onAlarm };
}

Deno.test("Alarms rings an alarm at its time, up to a bucket late and never early", () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 500, noNaN: true })), (delays) => {
    const clock = new FakeClock();
    using deadlines = new Alarms(clock);
    const start = clock.now();
    let rung = 0;
    for (const delay of delays) {
      deadlines.set(
        alarm(() => {
          rung++;
          const late = clock.now() - (start + delay);
          assert.ok(late >= 0 && late <= BUCKET_MS, `${late} ms late`);
        }),
        start + delay,
      );
    }
    clock.advance(600);
    assert.equal(rung, delays.length);
    assert.equal(clock.pending, 0, "a timer is left");
  }));
});

Deno.test("Alarms rings in the order of the buckets", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const order: number[] = [];
  for (const at of [50, 10, 30, 20, 40]) {
    deadlines.set(alarm(() => order.push(at)), clock.now() + at);
  }
  clock.advance(100);
  assert.deepStrictEqual(order, [10, 20, 30, 40, 50]);
});

Deno.test("Alarms.set() moves an alarm that is set", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const rung: number[] = [];
  const it = alarm(() => rung.push(clock.now()));
  const start = clock.now();
  deadlines.set(it, start + 10);
  deadlines.set(it, start + 40);
  clock.advance(30);
  assert.deepStrictEqual(rung, []);
  clock.advance(30);
  assert.deepStrictEqual(rung, [start + 40]);
  deadlines.set(it, start + 1_000);
  deadlines.set(it, start + 100);
  clock.advance(1_000);
  assert.deepStrictEqual(rung, [start + 40, start + 100]);
});

Deno.test("Alarms.clear() clears an alarm; the timer fires for nothing at most once", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const it = alarm(() => assert.fail("it rang"));
  deadlines.clear(it);
  deadlines.set(it, clock.now() + 10);
  assert.equal(clock.pending, 1);
  assert.equal(deadlines.size, 1);
  deadlines.clear(it);
  deadlines.clear(it);
  assert.deepStrictEqual([deadlines.size, clock.pending], [0, 1]);
  clock.advance(100);
  assert.equal(clock.pending, 0);
});

Deno.test("Alarms.set() rings in a bucket that was empty in between", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  let rung = 0;
  const at = clock.now() + 10;
  for (let i = 0; i < 2; i++) {
    const gone = alarm(() => assert.fail("it rang"));
    deadlines.set(gone, at);
    deadlines.clear(gone);
    deadlines.set(alarm(() => rung++), at);
    clock.advance(0);
  }
  clock.advance(20);
  assert.equal(rung, 2);
});

Deno.test("Alarms.clear() takes any alarm out of a bucket and leaves the others in order", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const at = clock.now() + 10;
  for (let gone = 0; gone < 4; gone++) {
    const rung: number[] = [];
    const alarms = [0, 1, 2, 3].map((i) => alarm(() => rung.push(i)));
    for (const it of alarms) deadlines.set(it, at);
    const taken = alarms[gone];
    assert.ok(taken);
    deadlines.clear(taken);
    clock.advance(20);
    assert.deepStrictEqual(rung, [0, 1, 2, 3].filter((i) => i !== gone));
  }
});

Deno.test("Alarms[Symbol.dispose]() clears all alarms", () => {
  const clock = new FakeClock();
  const deadlines = new Alarms(clock);
  for (let i = 0; i < 10; i++) {
    deadlines.set(alarm(() => assert.fail("it rang")), clock.now() + i);
  }
  deadlines[Symbol.dispose]();
  deadlines[Symbol.dispose]();
  assert.equal(clock.pending, 0);
  clock.advance(100);
});

Deno.test("Alarms keeps one timer for any number of alarms", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  for (let i = 1_000; i > 0; i--) deadlines.set(alarm(() => {}), clock.now() + i);
  assert.equal(clock.pending, 1);
});

Deno.test("Alarms lets an alarm set and clear others while it rings", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const rung: string[] = [];
  const at = clock.now() + 8;
  const named = (name: string, then: () => void = () => {}): Alarm =>
    alarm(() => {
      rung.push(name);
      then();
    });
  const taken = named("taken back");
  const moved = named("moved");
  deadlines.set(
    named("first", () => {
      deadlines.clear(taken);
      deadlines.set(moved, at + 20);
      deadlines.set(named("sooner"), at - 100);
      deadlines.set(named("later"), at + 12);
    }),
    at,
  );
  deadlines.set(taken, at);
  deadlines.set(moved, at);
  deadlines.set(named("second"), at);
  clock.advance(8);
  assert.deepStrictEqual(rung.slice(0, 2), ["first", "second"]);
  clock.advance(0);
  assert.deepStrictEqual(rung, ["first", "second", "sooner"]);
  clock.advance(100);
  assert.deepStrictEqual(rung, ["first", "second", "sooner", "later", "moved"]);
  assert.equal(clock.pending, 0);
});

Deno.test("Alarms loses no alarm that is set in the ringing bucket while its other alarms are cleared", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const at = clock.now() + 8;
  let rung = 0;
  const taken = alarm(() => assert.fail("it rang"));
  deadlines.set(
    alarm(() => {
      deadlines.set(alarm(() => rung++), at);
      deadlines.clear(taken);
    }),
    at,
  );
  deadlines.set(taken, at);
  clock.advance(20);
  assert.deepStrictEqual([rung, clock.pending], [1, 0]);
});

Deno.test("Alarms ends a turn although alarms set themselves again in the past", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  let rung = 0;
  const again: Alarm = alarm(() => ++rung < 100 && deadlines.set(again, clock.now() - 50));
  const other: Alarm = alarm(() => ++rung < 100 && deadlines.set(other, clock.now() - 50));
  deadlines.set(again, clock.now());
  deadlines.set(other, clock.now());
  clock.advance(10);
  assert.equal(clock.pending, 0);
  assert.equal(rung, 101);
});

Deno.test("Alarms lets an alarm dispose it while it rings", () => {
  const clock = new FakeClock();
  const deadlines = new Alarms(clock);
  let rung = 0;
  for (let i = 0; i < 3; i++) {
    deadlines.set(
      alarm(() => {
        rung++;
        deadlines[Symbol.dispose]();
      }),
      clock.now() + 4,
    );
  }
  clock.advance(10);
  assert.equal(rung, 1);
  assert.equal(clock.pending, 0);
});

Deno.test("Alarms rings an alarm that is later than any timer can be", () => {
  const clock = new FakeClock();
  using deadlines = new Alarms(clock);
  const month = 30 * 86_400_000;
  let rung = false;
  deadlines.set(alarm(() => rung = true), clock.now() + month);
  clock.advance(month - 1);
  assert.equal(rung, false);
  clock.advance(2 * BUCKET_MS);
  assert.equal(rung, true);
});

Deno.test("Alarms uses the clock of the system by default", async () => {
  using deadlines = new Alarms();
  const { promise, resolve } = Promise.withResolvers<number>();
  const at = performance.now() + 15;
  deadlines.set(alarm(() => resolve(performance.now())), at);
  assert.ok(await promise >= at);
});

Deno.test("LoneAlarm rings once, and not after it was cleared", () => {
  const clock = new FakeClock();
  using alarms = new Alarms(clock);
  const rung: string[] = [];
  const [kept, cleared] = ["kept", "cleared"].map((it) => new LoneAlarm(() => rung.push(it)));
  assert.ok(kept && cleared);
  alarms.set(kept, clock.now() + 10);
  alarms.set(cleared, clock.now() + 10);
  alarms.clear(cleared);
  clock.advance(1_000);
  assert.deepStrictEqual([rung, alarms.size], [["kept"], 0]);
});
