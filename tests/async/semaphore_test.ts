import fc from "fast-check";
import assert from "node:assert/strict";
import { Semaphore } from "../../src/async/semaphore.ts";
import { microtasks } from "../fixtures/until.ts";

Deno.test("Semaphore.enter() runs at most `limit` at a time, in the order of the calls", async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.record({ turns: fc.nat({ max: 20 }), fails: fc.boolean() }), { maxLength: 30 }),
    async (limit, works) => {
      const semaphore = new Semaphore(limit);
      let inside = 0;
      const order: number[] = [];
      const results = await Promise.allSettled(
        works.map(({ turns, fails }, i) =>
          semaphore.enter(async () => {
            order.push(i);
            assert.ok(++inside <= limit, `${inside} inside`);
            for (let turn = 0; turn < turns; turn++) await undefined;
            inside--;
            if (fails) throw new Error(`work ${i}`);
            return i;
          })
        ),
      );
      assert.deepStrictEqual(order, works.map((_, i) => i));
      for (const [i, result] of results.entries()) {
        assert.equal(result.status, works[i]?.fails ? "rejected" : "fulfilled");
      }
      assert.equal(inside, 0);
    },
  ));
});

Deno.test("Semaphore.enter() passes a place to the next in line, and to no newcomer", async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const running = semaphore.enter(() => first.promise).then(() => order.push("first left"));
  const waiting = semaphore.enter(() => Promise.resolve(order.push("second")));
  first.resolve();
  const late = semaphore.enter(() => Promise.resolve(order.push("late")));
  await Promise.all([running, waiting, late]);
  assert.ok(order.indexOf("second") < order.indexOf("late"), order.join());
});

Deno.test("Semaphore.enter() frees the place of work that throws at once", async () => {
  const semaphore = new Semaphore(1);
  await assert.rejects(semaphore.enter(() => Promise.reject(new Error("no"))), /no/);
  await assert.rejects(
    semaphore.enter(() => {
      throw new Error("at once");
    }),
    /at once/,
  );
  let ran = false;
  void semaphore.enter(() => Promise.resolve(ran = true));
  await microtasks();
  assert.ok(ran);
});

Deno.test("Semaphore.enter() rejects a wait whose signal aborts, which then holds no place", async () => {
  const semaphore = new Semaphore(1);
  const first = Promise.withResolvers<void>();
  const running = semaphore.enter(() => first.promise);
  const leaving = new AbortController();
  let ran = false;
  const waiting = semaphore.enter(() => Promise.resolve(ran = true), leaving.signal);
  const behind = semaphore.enter(() => Promise.resolve("behind"));
  leaving.abort(new Error("left"));
  await assert.rejects(waiting, /left/);
  await assert.rejects(semaphore.enter(() => Promise.resolve(), leaving.signal), /left/);
  first.resolve();
  await running;
  assert.equal(await behind, "behind");
  assert.equal(ran, false);
});

Deno.test("Semaphore.enter() does not give up work that has begun when its signal aborts", async () => {
  const semaphore = new Semaphore(1);
  const leaving = new AbortController();
  const before = semaphore.enter(() => Promise.resolve());
  const work = Promise.withResolvers<string>();
  const running = semaphore.enter(() => work.promise, leaving.signal);
  await before;
  await microtasks();
  leaving.abort(new Error("late"));
  work.resolve("done");
  assert.equal(await running, "done");
});
