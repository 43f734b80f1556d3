import assert from "node:assert/strict";
import {
  FREE_FAILURES,
  MAX_DELAY_MS,
  MAX_DELAYED,
  MAX_REPORTED,
  MAX_SOURCES,
  WrongKeys,
} from "../../../src/routes/access/wrong_keys.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { microtasks } from "../../fixtures/until.ts";

const ADDRESS = "203.0.113.7";
const MINUTE = 60_000;

function times<T>(count: number, run: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => run(i));
}

/** The lines about wrong keys that are logged while `run` runs. */
async function logged(run: () => void): Promise<string[]> {
  await using sink = new LogSink();
  run();
  return (await sink.text()).split("\n").filter((it) => it.includes("wrong API keys"))
    .map((it) => it.replace(/^.*?wrong/, "wrong"));
}

Deno.test("WrongKeys.count() delays from the sixth wrong key on, up to a second", () => {
  const wrong = new WrongKeys(new FakeClock());
  const delays = times(12, () => wrong.count(ADDRESS));
  assert.deepEqual(delays, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
  assert.equal(wrong.count("203.0.113.8"), 0);
});

Deno.test("WrongKeys.count() counts all addresses of an IPv6 network as one source", () => {
  const wrong = new WrongKeys(new FakeClock());
  times(FREE_FAILURES, (i) => wrong.count(`2001:db8:1:2::${i}`));
  assert.ok(wrong.count("2001:db8:1:2:ffff::1") > 0);
  assert.equal(wrong.count("2001:db8:1:3::1"), 0);
});

Deno.test("WrongKeys.count() forgets a source after a minute without wrong keys", () => {
  const clock = new FakeClock();
  const wrong = new WrongKeys(clock);
  times(20, () => wrong.count(ADDRESS));
  clock.advance(MINUTE - 1);
  assert.equal(wrong.count(ADDRESS), MAX_DELAY_MS);
  clock.advance(MINUTE);
  assert.equal(wrong.count(ADDRESS), 0);
});

Deno.test("WrongKeys.count() drops the quietest source when there are too many", () => {
  const wrong = new WrongKeys(new FakeClock());
  times(FREE_FAILURES, () => wrong.count("192.0.2.1"));
  times(FREE_FAILURES, () => wrong.count("192.0.2.2"));
  times(MAX_SOURCES - 2, (i) => wrong.count(`10.0.${i >> 8}.${i & 255}`));
  assert.ok(wrong.count("192.0.2.1") > 0);
  wrong.count("198.51.100.1");
  assert.ok(wrong.count("192.0.2.1") > 0);
  assert.equal(wrong.count("192.0.2.2"), 0);
});

Deno.test("WrongKeys.delay() returns after the delay, and early when the client leaves", async () => {
  const clock = new FakeClock();
  const wrong = new WrongKeys(clock);
  const leaving = new AbortController();
  const done: string[] = [];
  const staying = wrong.delay(100, new AbortController().signal).then(() => done.push("staying"));
  const left = wrong.delay(100, leaving.signal).then(() => done.push("left"));
  await microtasks();
  assert.deepEqual(done, []);
  leaving.abort();
  await left;
  assert.deepEqual(done, ["left"]);
  clock.advance(100);
  await staying;
  assert.equal(clock.pending, 0);
});

Deno.test("WrongKeys.delay() releases the oldest response when too many wait", async () => {
  const clock = new FakeClock();
  const wrong = new WrongKeys(clock);
  const { signal } = new AbortController();
  const done: number[] = [];
  const all = times(
    MAX_DELAYED + 1,
    (i) => wrong.delay(100, signal).then(() => void done.push(i)),
  );
  await microtasks();
  assert.deepEqual(done, [0]);
  assert.equal(clock.pending, MAX_DELAYED);
  wrong[Symbol.dispose]();
  await Promise.all(all);
  assert.equal(clock.pending, 0);
});

Deno.test("WrongKeys.report() logs a line for each source and minute, with the count", async () => {
  const clock = new FakeClock();
  const wrong = new WrongKeys(clock);
  const lines = await logged(() => {
    wrong.report();
    times(3, () => wrong.count(ADDRESS));
    wrong.report();
    times(2_000, () => wrong.count(ADDRESS));
    times(59, () => {
      clock.advance(1_000);
      wrong.report();
    });
    clock.advance(1_000);
    wrong.report();
    clock.advance(MINUTE);
    wrong.report();
  });
  assert.deepEqual(lines, [
    `wrong API keys from ${ADDRESS}: 3`,
    `wrong API keys from ${ADDRESS}: 2000`,
  ]);
});

Deno.test("WrongKeys.report() puts the sources of a flood into one line a minute", async () => {
  const clock = new FakeClock();
  const wrong = new WrongKeys(clock);
  const lines = await logged(() => {
    times(MAX_SOURCES + 10, (i) => times(2, () => wrong.count(`10.0.${i >> 8}.${i & 255}`)));
    wrong.report();
    clock.advance(MINUTE);
    wrong.report();
  });
  const dropped = "wrong API keys from 10 other sources: 20";
  const others = MAX_SOURCES - MAX_REPORTED;
  const rest = `wrong API keys from ${others} other sources: ${2 * others}`;
  assert.equal(lines.length, MAX_REPORTED + 2);
  assert.deepEqual([lines[0], lines.at(-1)], [dropped, rest]);
});

Deno.test("WrongKeys[Symbol.dispose]() logs what has not been logged", async () => {
  const wrong = new WrongKeys(new FakeClock());
  const lines = await logged(() => {
    wrong.count(ADDRESS);
    wrong.report();
    wrong.count(ADDRESS);
    wrong[Symbol.dispose]();
  });
  assert.deepEqual(lines, [
    `wrong API keys from ${ADDRESS}: 1`,
    `wrong API keys from ${ADDRESS}: 1`,
  ]);
});
