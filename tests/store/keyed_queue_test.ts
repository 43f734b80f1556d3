import assert from "node:assert/strict";
import { AcceptedWork, KeyedQueue } from "../../src/store/mod.ts";

Deno.test("KeyedQueue.runSoon() runs work in this turn only if nothing of its key is there", async () => {
  const queue = new KeyedQueue();
  const order: string[] = [];
  const note = (name: string) => (): string => {
    order.push(name);
    return name;
  };
  assert.equal(queue.runSoon("a", note("first")), "first");
  const gate = Promise.withResolvers<void>();
  const slow = queue.run("a", async () => {
    order.push("slow begins");
    await gate.promise;
    order.push("slow ends");
  });
  const behind = queue.runSoon("a", note("behind"));
  assert.ok(behind instanceof Promise);
  assert.equal(queue.runSoon("b", note("other key")), "other key");
  gate.resolve();
  assert.equal(await behind, "behind");
  await slow;
  assert.deepEqual(order, ["first", "slow begins", "other key", "slow ends", "behind"]);
});

Deno.test("KeyedQueue: work that fails does not hold up the work behind it", async () => {
  const queue = new KeyedQueue();
  const failed = queue.run("a", () => Promise.reject(new Error("no")));
  const behind = queue.run("a", () => Promise.resolve(1));
  await assert.rejects(failed, /no/);
  assert.equal(await behind, 1);
  assert.throws(() => {
    void new KeyedQueue().runSoon("a", () => {
      throw new Error("at once");
    });
  }, /at once/);
});

Deno.test("AcceptedWork.close() waits for all work that runs, and refuses further work", async () => {
  const accepted = new AcceptedWork();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = [first, second].map(({ promise }) => accepted.run("wait", () => promise));
  let isReleased = false;
  const closed = accepted.close(() => Promise.resolve(void (isReleased = true)));
  await assert.rejects(accepted.run("write", () => Promise.resolve()), { code: "shutting_down" });
  first.resolve();
  await running[0];
  assert.equal(isReleased, false);
  second.reject(new Error("failed"));
  await assert.rejects(running[1] ?? Promise.resolve(), { code: "store_failed" });
  await closed;
  assert.equal(isReleased, true);
});
