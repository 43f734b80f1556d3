/** Tests pools of real workers whose slots have devices. */
import assert from "node:assert/strict";
import { BridgeServer, Value } from "../../src/bridge/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import type { Place } from "../../src/hardware/mod.ts";
import { workerLauncher } from "../../src/host/mod.ts";
import { Pool, type PoolOptions, type Worker } from "../../src/pool/mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { fakePlace } from "../fixtures/fakes/fake_place.ts";
import { ADAPTERS, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { nextTurn, until } from "../fixtures/until.ts";

/** The device as a worker sees it. */
interface Seen {
  readonly pid: number;
  readonly described: string | null;
  readonly visible: string | null;
  readonly kept: string | null;
}

interface Started extends AsyncDisposable {
  readonly pool: Pool;
  readonly runId: string;
  /** Calls the tool, which takes this time. */
  device(seconds?: number): Promise<readonly [workerId: string, Seen]>;
}

/** Starts a pool with a worker for each place. */
async function startPool(
  places: readonly Place[],
  options: Partial<PoolOptions> = {},
): Promise<Started> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await tempDir());
  const runId = crypto.randomUUID();
  const bridge = resources.use(await BridgeServer.listen(directory.path));
  const config = parseConfig({
    pools: [{
      name: "gpu",
      adapter: "tells_its_device",
      modulePaths: [ADAPTERS],
      env: { KEPT: "yes", CUDA_VISIBLE_DEVICES: "7" },
    }],
  });
  const [settings] = config.pools;
  assert.ok(settings);
  const python = { executable: await devPython(), version: "3", environment: undefined };
  const launcher = workerLauncher(settings, {
    config: { ...config, pools: [{ ...settings, size: places.length }] },
    runId,
    runDirectory: directory.path,
    bridge,
    pythons: { of: () => python },
  });
  const pool = resources.use(
    new Pool({ ...settings, size: places.length, places, ...options }, { launcher }),
  );
  await pool.start();
  await pool.whenReady();
  const owned = resources.move();
  return {
    pool,
    runId,
    async device(seconds = 0): Promise<readonly [workerId: string, Seen]> {
      const args = Value.from({ seconds });
      const call = pool.submit({ tool: "device", args, timeoutMs: 60_000, priority: 0 });
      const { workerId, value } = await call.outcome;
      return [workerId, value.decode() as unknown as Seen];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Returns the devices that the workers of a pool of two see, by their ids. */
async function seenByBoth({ pool, device }: Started): Promise<ReadonlyMap<string, Seen>> {
  await until(() => pool.serving.length === 2, "both workers to serve");
  return await until(async () => {
    const seen = new Map(await Promise.all([device(0.05), device(0.05)]));
    return seen.size === 2 && seen;
  }, "both workers to answer");
}

function devicesOf(seen: ReadonlyMap<string, Seen>): unknown {
  return Object.fromEntries(
    [...seen].map(([id, { described, visible, kept }]) => {
      const { id: device, uuid, share } = JSON.parse(described ?? "null");
      return [id, { device, uuid, share, visible, kept }];
    }),
  );
}

Deno.test("Pool starts real workers with the device of their slots, also after kill -9 and after a replacement", async () => {
  const places = [fakePlace(3, { share: 0.5 }), fakePlace(1)];
  await using it = await startPool(places);
  const expected = {
    "gpu-1": { device: "cuda:3", uuid: "GPU-00000003", share: 0.5, visible: "3", kept: "yes" },
    "gpu-2": { device: "cuda:1", uuid: "GPU-00000001", share: 1, visible: "1", kept: "yes" },
  };
  const first = await seenByBoth(it);
  assert.deepEqual(devicesOf(first), expected);
  for (const { pid } of first.values()) signalPid(pid, "SIGKILL");
  await until(() => it.pool.workers.every((worker) => !isOneOf(worker, first)), "both to be gone");
  const second = await seenByBoth(it);
  assert.deepEqual(devicesOf(second), expected);
  await it.pool.recycle(undefined);
  const third = await seenByBoth(it);
  assert.deepEqual(devicesOf(third), expected);
  const pids = [first, second, third].flatMap((seen) => [...seen.values()].map(({ pid }) => pid));
  assert.equal(new Set(pids).size, 6);
});

Deno.test("Pool with stop_first replaces real workers under load, never with two on a device, and no call fails", async () => {
  await using it = await startPool([fakePlace(0), fakePlace(1)], { replace: "stop_first" });
  const failures: unknown[] = [];
  let answers = 0;
  let most = 0;
  let isGoing = true;
  const load = Array.from({ length: 4 }, async () => {
    while (isGoing) {
      await it.device(0.002).then(() => answers++, (error) => failures.push(error));
    }
  });
  const watch = (async () => {
    while (isGoing) {
      most = Math.max(most, workersOf(it).length);
      await nextTurn();
    }
  })();
  const first = await seenByBoth(it);
  await it.pool.recycle(undefined);
  await seenByBoth(it);
  await it.pool.recycle(undefined);
  const last = await seenByBoth(it);
  isGoing = false;
  await Promise.all([...load, watch]);
  assert.deepEqual(failures, []);
  assert.ok(answers > 0);
  assert.equal(most, 2);
  assert.deepEqual(devicesOf(last), devicesOf(first));
  assert.equal(it.pool.stats.recycled, 4);
});

function isOneOf(worker: Worker, seen: ReadonlyMap<string, Seen>): boolean {
  return [...seen.values()].some(({ pid }) => pid === worker.pid);
}
