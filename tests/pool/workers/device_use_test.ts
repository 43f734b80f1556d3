import assert from "node:assert/strict";
import type { DeviceUseInit } from "../../../src/bridge/gen/link.js";
import type { Place } from "../../../src/hardware/mod.ts";
import { type WorkerInfo, WorkerList } from "../../../src/pool/mod.ts";
import { deviceUsesOf } from "../../../src/pool/workers/device_use.ts";
import { CPU_PLACE, fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorkerOptions } from "../../fixtures/fakes/fake_worker.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { until } from "../../fixtures/until.ts";

const TORCH: DeviceUseInit = {
  framework: "torch",
  version: "2.15.0+cpu",
  state: "unable",
  text: "torch 2.15.0+cpu is built without CUDA",
};
const RUNTIME: DeviceUseInit = {
  framework: "onnxruntime",
  version: "1.32.0",
  state: "unused",
  text: "onnxruntime 1.32.0 runs its sessions on CPUExecutionProvider",
};

/** Starts a pool, and returns what is shown of its workers and what is logged about devices. */
async function shown(
  options: FakePoolOptions,
  worker: FakeWorkerOptions,
): Promise<{ workers: WorkerInfo[]; warnings: string[] }> {
  await using log = new LogSink();
  await using it = await FakePool.start(options, worker);
  const workers = new WorkerList(() => [it.pool]).list();
  const lines = (await log.text()).split("\n");
  return { workers, warnings: lines.filter((line) => line.includes("device")) };
}

function onDevice(place: Place): FakePoolOptions {
  return { places: [place] };
}

Deno.test("Worker.deviceUses is what the worker has reported when it was ready", async () => {
  const used = { ...TORCH, state: "used", text: "torch has something", memoryBytes: 512 };
  const { workers, warnings } = await shown(onDevice(fakePlace(0)), {
    deviceUses: [used, RUNTIME],
  });
  assert.deepEqual(workers[0]?.deviceUses, [
    {
      framework: "torch",
      version: "2.15.0+cpu",
      state: "used",
      text: "torch has something",
      memoryBytes: 512,
    },
    { ...RUNTIME, memoryBytes: null },
  ]);
  assert.equal(workers[0]?.warnings, undefined);
  assert.deepEqual(warnings, []);
});

Deno.test("WorkerInfo has no deviceUses if the worker has reported none", async () => {
  const { workers, warnings } = await shown(onDevice(fakePlace(0)), {});
  assert.ok(workers[0] !== undefined && !("deviceUses" in workers[0]));
  assert.ok(!("warnings" in workers[0]));
  assert.deepEqual(warnings, []);
});

Deno.test("DeviceUseWatch warns of a worker that no framework of uses the device", async () => {
  const { workers, warnings } = await shown(onDevice(fakePlace(1)), {
    deviceUses: [TORCH, RUNTIME],
  });
  assert.deepEqual(workers[0]?.warnings, ["device_not_used"]);
  assert.equal(warnings.length, 1, warnings.join("\n"));
  const [line = ""] = warnings;
  assert.match(line, /WARN/);
  assert.ok(
    line.includes(
      "p-1 does not use its device cuda:1: torch 2.15.0+cpu is built without CUDA; " +
        "onnxruntime 1.32.0 runs its sessions on CPUExecutionProvider",
    ),
    line,
  );
  assert.match(line, /code=device_not_used/);
});

for (const state of ["unknown", "a state of another version"]) {
  Deno.test(`DeviceUseWatch does not warn if a framework has the state ${state}`, async () => {
    const { workers, warnings } = await shown(onDevice(fakePlace(0)), {
      deviceUses: [TORCH, { ...RUNTIME, state }],
    });
    assert.equal(workers[0]?.deviceUses?.[1]?.state, "unknown");
    assert.equal(workers[0]?.warnings, undefined);
    assert.deepEqual(warnings, []);
  });
}

for (const [name, options] of Object.entries({ "the processor": onDevice(CPU_PLACE), none: {} })) {
  Deno.test(`DeviceUseWatch does not warn of a worker whose device is ${name}`, async () => {
    const { workers, warnings } = await shown(options, { deviceUses: [TORCH] });
    assert.equal(workers[0]?.warnings, undefined);
    assert.deepEqual(warnings, []);
  });
}

Deno.test("DeviceUseWatch warns once for each set of reasons, however many workers start", async () => {
  await using log = new LogSink();
  const options: FakePoolOptions = { size: 3, places: [fakePlace(0), fakePlace(1)] };
  await using it = await FakePool.start(options, { deviceUses: [TORCH] });
  it.launcher.alive[0]?.exit({ signal: "SIGKILL" });
  await until(
    () => it.launcher.launches === 4 && it.pool.workers.every(({ state }) => state === "ready"),
    "the slot is refilled",
  );
  const warnings = (): Promise<number> =>
    log.text().then((text) => text.split("code=device_not_used").length - 1);
  assert.equal(await warnings(), 1);
  await using _other = await FakePool.start(onDevice(fakePlace(0)), { deviceUses: [TORCH] });
  assert.equal(await warnings(), 2, "another pool warns of its own");
});

Deno.test("DeviceUseWatch warns of a worker whose hello names another device", async () => {
  const { warnings } = await shown(onDevice(fakePlace(2)), { device: "" });
  assert.equal(warnings.length, 1, warnings.join("\n"));
  assert.match(
    warnings[0] ?? "",
    /p-1 was started for the device cuda:2, but its hello names none/,
  );
});

Deno.test("deviceUsesOf() has no memory where the worker knows none", () => {
  const use = { framework: "jax", version: "", state: "used", text: "jax works", memoryBytes: 0 };
  assert.equal(deviceUsesOf({ deviceUses: [use] })[0]?.memoryBytes, null);
  assert.deepEqual(deviceUsesOf(undefined), []);
});

for (const [free, alive] of [[2 ** 30, 1], [511, 0]] as const) {
  Deno.test(`Worker.deviceUses tells whether a successor fits into ${free} free bytes`, async () => {
    const used = { ...TORCH, state: "used", memoryBytes: 512 };
    await using it = await FakePool.start(
      onDevice(fakePlace(0)),
      { deviceUses: [used, RUNTIME] },
      { freeDeviceBytes: () => Promise.resolve(free) },
    );
    const barrier = Promise.withResolvers<void>();
    it.launcher.barrier = barrier.promise;
    const recycled = it.pool.recycle(undefined);
    await until(() => it.launcher.launches === 2, "the successor is being started");
    assert.equal(it.launcher.alive.length, alive);
    barrier.resolve();
    await recycled;
  });
}
