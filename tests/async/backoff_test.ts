import assert from "node:assert/strict";
import fc from "fast-check";
import { Backoff, type Jitter } from "../../src/async/backoff.ts";

const OPTIONS = { baseMs: 100, capMs: 30_000, random: (): number => 0 };
const LEAST: Readonly<Record<Jitter, number>> = { none: 1, half: 0.5, full: 0 };

const anyBackoff = fc.record({
  baseMs: fc.integer({ min: 0, max: 1e7 }),
  capMs: fc.integer({ min: 0, max: 1e9 }),
  jitter: fc.constantFrom<Jitter>("none", "half", "full"),
});
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyFailures = fc.integer({ min: 1, max: 10_000 });

Deno.test("Backoff.failed() returns 100 ms first, then twice as much up to the cap", () => {
  const backoff = new Backoff(OPTIONS);
  assert.deepStrictEqual([backoff.failures, backoff.pauseMs], [0, 0]);
  const pauses = Array.from({ length: 11 }, () => backoff.failed());
  assert.deepStrictEqual(pauses.slice(0, 5), [100, 200, 400, 800, 1_600]);
  assert.deepStrictEqual(pauses.slice(7), [12_800, 25_600, 30_000, 30_000]);
  assert.equal(backoff.failures, 11);
});

Deno.test("Backoff.pauseAfter() stays between the minimum of its jitter and its ceiling", () => {
  fc.assert(fc.property(anyBackoff, anyRandom, anyFailures, (options, random, failures) => {
    const pauseMs = new Backoff({ ...options, random: () => random }).pauseAfter(failures);
    const ceilingMs = new Backoff({ ...options, jitter: "none" }).pauseAfter(failures);
    const leastMs = ceilingMs * LEAST[options.jitter];
    assert.ok(leastMs <= pauseMs && pauseMs <= ceilingMs, `${leastMs} ${pauseMs} ${ceilingMs}`);
    assert.ok(ceilingMs <= options.capMs, `${ceilingMs} of ${options.capMs}`);
    if (ceilingMs < options.capMs && options.baseMs > 0) {
      assert.equal(ceilingMs, options.baseMs * 2 ** (failures - 1));
    }
  }));
});

Deno.test("Backoff.pauseAfter() never shrinks as failures grow, for the same random number", () => {
  fc.assert(fc.property(anyBackoff, anyRandom, anyFailures, (options, random, failures) => {
    const backoff = new Backoff({ ...options, random: () => random });
    assert.ok(backoff.pauseAfter(failures + 1) >= backoff.pauseAfter(failures));
    assert.equal(backoff.pauseAfter(0), 0);
  }));
});

Deno.test("Backoff has half jitter by default", () => {
  const pauses = (jitter?: Jitter): number[] =>
    [0, 0.5, 0.999].map((it) =>
      new Backoff({ ...OPTIONS, random: () => it, ...(jitter === undefined ? {} : { jitter }) })
        .failed()
    );
  assert.deepStrictEqual(pauses().map(Math.round), [100, 75, 50]);
  assert.deepStrictEqual(pauses("half"), pauses());
  assert.deepStrictEqual(pauses("full").map(Math.round), [100, 50, 0]);
  assert.deepStrictEqual(pauses("none"), [100, 100, 100]);
});

Deno.test("Backoff.pauseMs is drawn once for each failure", () => {
  const backoff = new Backoff({ baseMs: 100, capMs: 1_000, jitter: "full" });
  const pauseMs = backoff.failed();
  for (let i = 0; i < 20; i++) assert.equal(backoff.pauseMs, pauseMs);
});

Deno.test("Backoff.reset() restores the initial state, after any history", () => {
  fc.assert(fc.property(anyBackoff, fc.array(fc.boolean()), (options, history) => {
    const make = (): Backoff => new Backoff({ ...options, random: () => 0.25 });
    const used = make();
    for (const isFailure of history) {
      if (isFailure) used.failed();
      else used.reset();
    }
    used.reset();
    assert.deepStrictEqual([used.failures, used.pauseMs], [0, 0]);
    assert.equal(used.failed(), make().failed());
  }));
});
