import assert from "node:assert/strict";
import { FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { until } from "../../fixtures/until.ts";

/** Returns the devices with which workers were launched, in order, by slot. */
function devicesBySlot({ launcher }: FakePool): Record<string, (string | undefined)[]> {
  const bySlot: Record<string, (string | undefined)[]> = {};
  for (const { workerId, place } of launcher.specs) {
    (bySlot[workerId] ??= []).push(place?.device.id);
  }
  return bySlot;
}

Deno.test("Supervisor gives the slots their places in turn", async () => {
  await using it = await FakePool.start({ size: 4, places: [fakePlace(2), fakePlace(5)] });
  assert.deepEqual(devicesBySlot(it), {
    "p-1": ["cuda:2"],
    "p-2": ["cuda:5"],
    "p-3": ["cuda:2"],
    "p-4": ["cuda:5"],
  });
  assert.deepEqual(
    it.pool.workers.map(({ id, place }) => [id, place?.device.id]),
    [["p-1", "cuda:2"], ["p-2", "cuda:5"], ["p-3", "cuda:2"], ["p-4", "cuda:5"]],
  );
});

Deno.test("Supervisor gives no places without a list of them, or with an empty one", async () => {
  for (const options of [{}, { places: [] }]) {
    await using it = await FakePool.start({ size: 2, ...options });
    assert.deepEqual(devicesBySlot(it), { "p-1": [undefined], "p-2": [undefined] });
  }
});

Deno.test("Supervisor keeps the place of a slot for its refill, its successor and its reload", async () => {
  await using it = await FakePool.start({ size: 2, places: [fakePlace(0), fakePlace(1)] });
  it.launcher.alive[1]?.exit({ signal: "SIGKILL" });
  await until(() => it.launcher.alive.length === 2, "the slot is refilled");
  await it.pool.recycle(undefined);
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is loaded");
  await until(
    () => it.launcher.specs.length === 7 && it.launcher.alive.length === 2,
    "all workers have the new code",
  );
  assert.deepEqual(devicesBySlot(it), {
    "p-1": ["cuda:0", "cuda:0", "cuda:0"],
    "p-2": ["cuda:1", "cuda:1", "cuda:1", "cuda:1"],
  });
});
