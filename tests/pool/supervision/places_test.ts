import assert from "node:assert/strict";
import { WorkerCrashedError } from "../../../src/errors.ts";
import type { Place } from "../../../src/hardware/mod.ts";
import { Random } from "../../chaos/random.ts";
import { FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
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
  await until(() => it.pool.serving.length === 2, "all are replaced");
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is loaded");
  await until(() => it.pool.serving.length === 2, "all have the new code");
  assert.deepEqual(devicesBySlot(it), {
    "p-1": ["cuda:0", "cuda:0", "cuda:0"],
    "p-2": ["cuda:1", "cuda:1", "cuda:1", "cuda:1"],
  });
});

Deno.test("Pools on four devices keep the place of each slot over 100 replacements and kills, never with two workers on one", async () => {
  const random = new Random(11);
  const devices = [0, 1, 2, 3].map((index) => fakePlace(index));
  await using first = await FakePool.start({ name: "a", size: 4, places: devices });
  // The workers of the second pool share two of the devices.
  const halves = [2, 3].map((index) =>
    fakePlace(index, { share: 0.5, env: { CUDA_VISIBLE_DEVICES: String(index), HALF: "1" } })
  );
  await using second = await FakePool.start({ name: "b", size: 4, places: halves });
  const expected = new Map<string, Place | undefined>([
    ...devices.map((place, i) => [`a-${i + 1}`, place] as const),
    ...[0, 1, 2, 3].map((i) => [`b-${i + 1}`, halves[i % 2]] as const),
  ]);
  for (let change = 0; change < 100; change++) {
    const it = random.pick([first, second]) ?? first;
    const { pool } = it;
    const worker = await until(() => random.pick(pool.serving), "one serves");
    const { id, pid } = worker;
    const fake = it.launcher.alive.find((each) => each.pid === pid);
    const kind = random.next();
    if (kind < 0.4) void pool.stopWorker(worker);
    else if (kind < 0.7) fake?.exit({ signal: "SIGKILL" });
    else if (kind < 0.9) fake?.leave();
    else pool.reload({ files: ["a.py"] });
    const isBack = (): boolean =>
      worker.state === "gone" && pool.serving.length === 4 && pool.workers.length === 4;
    await until(() => isBack() || kind >= 0.9, `${id} is replaced`);
  }
  await until(
    () => first.pool.serving.length === 4 && second.pool.serving.length === 4,
    "all serve",
  );
  const specs = [...first.launcher.specs, ...second.launcher.specs];
  assert.ok(specs.length >= 100, `only ${specs.length} launches`);
  for (const { workerId, place } of specs) assert.equal(place, expected.get(workerId), workerId);
  for (const { launcher } of [first, second]) {
    assert.deepEqual([...new Set(launcher.mostAlive.values())], [1]);
  }
});

Deno.test("Supervisor names the device in the lines about the life of a worker", async () => {
  await using log = new LogSink();
  await using it = await FakePool.start({ places: [fakePlace(1)], replace: "stop_first" });
  await it.pool.recycle(undefined);
  await until(() => it.pool.serving.length === 1, "it is replaced");
  it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await until(() => it.pool.serving.length === 1 && it.launcher.launches === 3, "it is refilled");
  const lines = (await log.text()).split("\n")
    .map((line) => /^\S+ (?:INFO|WARN) +pool +(.*)$/.exec(line)?.[1]);
  for (
    const expected of [
      /^p-1 is ready on cuda:1 pid=1$/,
      /^replacing p-1: the pool is recycled device=cuda:1$/,
      /^p-1 ends before its successor starts: replace is stop_first device=cuda:1$/,
      /^p-1 died: .* device=cuda:1 /,
    ]
  ) {
    assert.ok(lines.some((line) => expected.test(line ?? "")), `${expected}\n${lines.join("\n")}`);
  }
});

Deno.test("A call whose worker died on a device names it, and so does the history of its workers", async () => {
  await using it = await FakePool.start(
    { size: 2, places: [fakePlace(0), fakePlace(1)], maxReruns: 1 },
    { idempotent: true },
  );
  const error = await it.submit("die").outcome.then(() => undefined, (error) => error);
  assert.ok(error instanceof WorkerCrashedError, String(error));
  const { workerId, device, history } = error.details;
  assert.equal(device, workerId === "p-1" ? "cuda:0" : "cuda:1");
  assert.ok(Array.isArray(history));
  assert.deepEqual(
    history.map((it) => it.device),
    history.map((it) => it.workerId === "p-1" ? "cuda:0" : "cuda:1"),
  );
});
