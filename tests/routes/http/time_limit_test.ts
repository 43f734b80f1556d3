import fc from "fast-check";
import assert from "node:assert/strict";
import { TimeLimit, type Wait } from "../../../src/routes/http/time_limit.ts";

interface NamedWait extends Wait {
  readonly name: number;
}

/** Waits that note in `late` when they are called late. */
function waitsOf(count: number, late: number[]): NamedWait[] {
  return Array.from({ length: count }, (_, name) => ({
    name,
    since: 0,
    onLate: () => void late.push(name),
  }));
}

function namesIn(time: TimeLimit): number[] {
  return [...time.olderThan(0)].map((it) => (it as NamedWait).name);
}

Deno.test("TimeLimit keeps its waits in the order in which they began last", () => {
  const step = fc.record({ begins: fc.boolean(), index: fc.nat({ max: 5 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const time = new TimeLimit(60_000);
    const waits = waitsOf(6, []);
    let expected: number[] = [];
    for (const { begins, index } of steps) {
      const wait = waits[index];
      if (wait === undefined) continue;
      expected = expected.filter((it) => it !== index);
      if (begins) expected.push(index);
      if (begins) time.begin(wait);
      else time.end(wait);
      assert.deepEqual(namesIn(time), expected);
    }
  }));
});

Deno.test("TimeLimit.check() ends each late wait once, oldest first, and no other", () => {
  const late: number[] = [];
  const time = new TimeLimit(0);
  for (const wait of waitsOf(3, late)) time.begin(wait);
  time.check();
  time.check();
  assert.deepEqual(late, [0, 1, 2]);
  const patient = new TimeLimit(60_000);
  for (const wait of waitsOf(3, late)) patient.begin(wait);
  patient.check();
  assert.deepEqual(late, [0, 1, 2]);
});

Deno.test("TimeLimit.check() skips waits that an earlier one has ended", () => {
  const late: number[] = [];
  const time = new TimeLimit(0);
  const [second, third] = waitsOf(2, late);
  assert.ok(second && third);
  time.begin({ since: 0, onLate: () => time.end(second) });
  time.begin(second);
  time.begin(third);
  time.check();
  assert.deepEqual(late, [1]);
});
