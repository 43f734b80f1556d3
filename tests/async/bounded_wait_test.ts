import assert from "node:assert/strict";
import { delay, settlesWithin } from "../../src/async/bounded_wait.ts";
import { microtasks } from "../fixtures/until.ts";

Deno.test("settlesWithin() returns true for a promise that settles in time, and leaves no timer", async () => {
  assert.equal(await settlesWithin(Promise.resolve(), 60_000), true);
  assert.equal(await settlesWithin(Promise.reject(new Error("no")), 60_000), true);
});

Deno.test("settlesWithin() returns false for a promise that takes longer, and ignores its late rejection", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  assert.equal(await settlesWithin(promise, 1), false);
  assert.equal(await settlesWithin(promise, 0), false);
  assert.equal(await settlesWithin(promise, -5), false);
  reject(new Error("late"));
  await undefined;
});

Deno.test("delay() waits at least `ms`", async () => {
  const start = performance.now();
  await delay(10, new AbortController().signal);
  // Timers count whole milliseconds.
  assert.ok(performance.now() - start >= 9);
});

Deno.test("delay() returns at once without an error when its signal aborts, and leaves no timer", async () => {
  const leaving = new AbortController();
  let left = 0;
  void delay(60_000, leaving.signal).then(() => left++);
  leaving.abort();
  await microtasks();
  assert.equal(left, 1);
  void delay(60_000, leaving.signal).then(() => left++);
  await microtasks();
  assert.equal(left, 2);
});
