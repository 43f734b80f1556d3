import assert from "node:assert/strict";
import { WorkerList } from "../../src/pool/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { CPU_PLACE, fakePlace } from "../fixtures/fakes/fake_place.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";
import { microtasks, until } from "../fixtures/until.ts";

Deno.test("WorkerList.list() describes the workers of all pools", async () => {
  await using fakes = await FakePools.start("a", "b");
  const shown = new WorkerList(() => [...fakes.byName.values()]).list();
  assert.deepEqual(
    shown.map(({ id, pool, state, calls }) => [id, pool, state, calls].join(" ")),
    ["a-1 a ready 0", "a-2 a ready 0", "b-1 b ready 0", "b-2 b ready 0"],
  );
});

Deno.test("WorkerList.list() shows the device of each worker, and no uuid where there is none", async () => {
  const places = [fakePlace(1, { share: 0.5 }), CPU_PLACE];
  await using fakes = new FakePools([await FakePool.start({ name: "a", size: 2, places })]);
  const shown = new WorkerList(() => [...fakes.byName.values()]).list();
  assert.deepEqual(shown.map(({ id, device }) => [id, device]), [
    ["a-1", { id: "cuda:1", kind: "cuda", name: "Fake 16", uuid: "GPU-00000001", share: 0.5 }],
    ["a-2", { id: "cpu", kind: "cpu", name: "Fake 16", share: 1 }],
  ]);
});

Deno.test("WorkerList.get() describes one worker, and names near ones otherwise", async () => {
  await using fakes = await FakePools.start("a", "b");
  const workers = new WorkerList(() => [...fakes.byName.values()]);
  assert.deepEqual(workers.get("b-1"), workers.list()[2]);
  assert.throws(() => workers.get("b-9"), {
    code: "unknown_worker",
    message: /^There is no worker "b-9"; did you mean /,
  });
});

Deno.test("WorkerList.get() describes the one of two workers with the same id that is not about to end", async () => {
  await using fakes = await FakePools.start("a");
  const workers = new WorkerList(() => [...fakes.byName.values()]);
  const [fake] = fakes.all;
  assert.ok(fake);
  const calls = [fake.submit("hold"), fake.submit("hold")];
  await microtasks();
  const running = calls.map((call) => fake.workerRunning(call));
  const before = workers.get("a-1").incarnation;
  const stopped = workers.stop("a-1");
  await until(
    () => workers.list().some(({ state }) => state === "stopping"),
    "the successor has taken over",
  );
  assert.equal(workers.list().filter(({ id }) => id === "a-1").length, 2);
  assert.notEqual(workers.get("a-1").incarnation, before);
  for (const worker of running) worker.answer();
  await stopped;
});

Deno.test("WorkerList.stop() resolves when the worker is gone and another one has its slot", async () => {
  await using fakes = await FakePools.start("a");
  const workers = new WorkerList(() => [...fakes.byName.values()]);
  const { incarnation } = workers.get("a-2");
  await workers.stop("a-2");
  assert.deepEqual(workers.list().map(({ id }) => id).sort(), ["a-1", "a-2"]);
  assert.notEqual(workers.get("a-2").incarnation, incarnation);
  await assert.rejects(workers.stop("a-3"), { code: "unknown_worker" });
});
