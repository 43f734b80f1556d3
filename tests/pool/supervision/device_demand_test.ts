/** Tests that no replacement counts on memory which other starts are about to take. */
import assert from "node:assert/strict";
import { DeviceDemand, type PoolDeps } from "../../../src/pool/mod.ts";
import { fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import { nextTurn, until } from "../../fixtures/until.ts";

const GIB = 2 ** 30;
/** Three workers fit the device: two that live, and one that starts. */
const DEVICE_BYTES = 16 * GIB;
const RESERVED_BYTES = 5 * GIB;
const SHARED = fakePlace(0, { share: 0.3, reservedBytes: RESERVED_BYTES });

/** A GPU whose memory the workers of some pools take as soon as they are started. */
class FakeGpu {
  readonly pools: FakePool[] = [];
  readonly deps: Omit<PoolDeps, "launcher"> = {
    deviceDemand: new DeviceDemand(),
    freeDeviceBytes: () => Promise.resolve(this.freeBytes),
  };

  async start(options: FakePoolOptions): Promise<FakePool> {
    const it = await FakePool.start({ places: [SHARED], ...options }, {}, this.deps);
    this.pools.push(it);
    return it;
  }

  /** The number of workers that live or start. */
  get workers(): number {
    return this.pools.reduce((sum, { launcher }) => sum + launcher.living, 0);
  }

  /** A worker that starts has loaded nothing yet. */
  get freeBytes(): number {
    const loaded = this.pools.reduce((sum, { launcher }) => sum + launcher.alive.length, 0);
    return DEVICE_BYTES - loaded * RESERVED_BYTES;
  }
}

/** Lets the starts of a pool wait; returns a function that lets them go on. */
function holdStarts({ launcher }: FakePool): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  launcher.barrier = promise;
  return () => {
    launcher.barrier = undefined;
    resolve();
  };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

Deno.test("Pool with auto does not count on the memory of a slot that is about to be filled again", async () => {
  const gpu = new FakeGpu();
  await using it = await gpu.start({ size: 2 });
  const goOn = holdStarts(it);
  it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await until(() => it.launcher.starting === 1, "the slot is being filled");
  const [worker] = it.pool.serving;
  assert.ok(worker);
  // 11 GiB are free, but the slot needs 5 of them: its successor and this one fit together.
  const stopped = it.pool.stopWorker(worker);
  await until(() => it.launcher.starting === 2, "its successor starts first");
  goOn();
  await stopped;
  await until(() => it.pool.serving.length === 2, "both serve");
});

Deno.test("Pool with auto stops first where a crashed slot and the successor do not fit together", async () => {
  const gpu = new FakeGpu();
  await using it = await gpu.start({ size: 3 });
  const goOn = holdStarts(it);
  for (const fake of it.launcher.alive.slice(0, 2)) fake.exit({ signal: "SIGSEGV" });
  await until(() => it.launcher.starting === 2, "the slots are being filled");
  const [worker] = it.pool.serving;
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  await turns();
  assert.ok(gpu.workers <= 3, `${gpu.workers} workers on a device for three`);
  goOn();
  await stopped;
  await until(() => it.pool.serving.length === 3, "all serve");
});

Deno.test("Pool.recycle() with auto never has more workers on a device than fit, whatever was freed a moment ago", async () => {
  const gpu = new FakeGpu();
  await using it = await gpu.start({ size: 3 });
  const goOn = holdStarts(it);
  const recycled = it.pool.recycle(undefined);
  await until(() => it.launcher.starting === 1, "the first one has ended");
  await turns();
  assert.deepEqual([gpu.workers, it.pool.serving.length], [3, 2]);
  goOn();
  let most = 0;
  const watch = setInterval(() => most = Math.max(most, gpu.workers), 0);
  await recycled;
  await until(() => it.pool.serving.length === 3, "all serve");
  clearInterval(watch);
  assert.ok(most <= 3, `${most} workers on a device for three`);
});

Deno.test("Pools with auto that share a device do not count on the same free memory", async () => {
  const gpu = new FakeGpu();
  await using a = await gpu.start({ name: "a" });
  await using b = await gpu.start({ name: "b" });
  const goOn = [holdStarts(a), holdStarts(b)];
  const [first, second] = [a.pool.serving[0], b.pool.serving[0]];
  assert.ok(first && second);
  const stopped = [a.pool.stopWorker(first), b.pool.stopWorker(second)];
  await until(() => a.launcher.starting + b.launcher.starting >= 2, "both are replaced");
  await turns();
  assert.equal(gpu.workers, 3);
  for (const each of goOn) each();
  await Promise.all(stopped);
  await until(() => a.pool.serving.length + b.pool.serving.length === 2, "both serve");
});

Deno.test("Pool with auto stops first while another worker starts that reserves nothing", async () => {
  const gpu = new FakeGpu();
  await using it = await gpu.start({ size: 1 });
  await using other = await gpu.start({ name: "other", places: [fakePlace(0)] });
  const goOn = holdStarts(other);
  other.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await until(() => other.launcher.starting === 1, "the slot is being filled");
  const [worker] = it.pool.serving;
  assert.ok(worker);
  await it.pool.stopWorker(worker);
  await until(() => it.pool.serving.length === 1, "it is replaced");
  assert.deepEqual([...it.launcher.mostAlive], [["p-1", 1]]);
  goOn();
  await other.pool.stop();
  await it.pool.stopWorker(it.pool.serving[0] ?? assert.fail());
  assert.deepEqual(
    [...it.launcher.mostAlive],
    [["p-1", 2]],
    "a pool that has stopped needs nothing",
  );
});
