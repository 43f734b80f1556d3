import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import { BridgeServer, Value } from "../../src/bridge/mod.ts";
import { poolSchema } from "../../src/config/sections/pool_schema.ts";
import { Pool, SpawnLauncher, workerEnv, type WorkerInfo, WorkerList } from "../../src/pool/mod.ts";
import { packagePath, workerCommand } from "../../src/python_env/mod.ts";
import { fakePlace } from "../fixtures/fakes/fake_place.ts";
import { ADAPTERS, tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

const CARRIERS = ["socket", "grpc"] as const;

/** A pool of one real worker on `cuda:1`, a device that does not exist. */
interface RealPool extends AsyncDisposable {
  readonly worker: WorkerInfo | undefined;
  call(tool: string): Promise<unknown>;
}

async function realPool(
  carrier: typeof CARRIERS[number],
  { adapter, env = {} }: { adapter: string; env?: Record<string, string> },
): Promise<RealPool> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const bridge = stack.use(await BridgeServer.listen(path));
  const launcher = new SpawnLauncher({
    bridge,
    carrier,
    command: workerCommand({ executable: await devPython(), version: "3.10.0" }),
    env: workerEnv({ env, inheritEnv: [], threads: 1, runId: "r", packagePath: packagePath() }),
    welcome: {
      adapters: [adapter],
      modulePaths: [ADAPTERS],
      logLevel: "INFO",
      maxDepth: 200,
      maxResultBytes: 2 ** 20,
    },
    runDirectory: path,
    startTimeoutMs: 60_000,
  });
  const places = [fakePlace(1, { share: 0.5 })];
  const options = poolSchema.parse({ name: "p", adapter, size: 1 });
  const pool = stack.use(new Pool({ ...options, size: 1, drainMs: 5_000, places }, { launcher }));
  await pool.start();
  const owned = stack.move();
  return {
    worker: new WorkerList(() => [pool]).list()[0],
    call: async (tool) => {
      const request = { tool, args: Value.from({}), timeoutMs: 60_000, priority: 0 };
      return (await pool.submit(request).outcome).value.decode();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

for (const carrier of CARRIERS) {
  Deno.test(`a worker over ${carrier} that leaves its device unused is shown and logged`, async () => {
    await using log = new LogSink();
    const env = { LOADS: "torch=cpu,onnxruntime=cpu" };
    await using pool = await realPool(carrier, { adapter: "loads_frameworks", env });
    assert.deepEqual(pool.worker?.warnings, ["device_not_used"]);
    assert.deepEqual(
      pool.worker?.deviceUses?.map(({ framework, version, state, memoryBytes }) =>
        [framework, version, state, memoryBytes].join(" ")
      ),
      ["torch 2.15.0+cpu unable ", "onnxruntime 1.32.0 unused "],
    );
    assert.match(
      await log.text(),
      /p-1 does not use its device cuda:1: torch 2\.15\.0\+cpu is built without CUDA; onnxruntime/,
    );
    assert.doesNotMatch(await log.text(), /its hello names/);
  });

  Deno.test(`a worker over ${carrier} reports the memory of what uses its device`, async () => {
    await using log = new LogSink();
    const env = { LOADS: "torch=used,onnxruntime=cpu" };
    await using pool = await realPool(carrier, { adapter: "loads_frameworks", env });
    assert.equal(pool.worker?.warnings, undefined);
    const [torch] = pool.worker?.deviceUses ?? [];
    assert.equal(torch?.state, "used");
    assert.equal(torch.memoryBytes, 1_000_000);
    assert.doesNotMatch(await log.text(), /device/);
  });
}

Deno.test("snakeden.device() in Python is the place of the worker, also in its children", async () => {
  await using pool = await realPool("socket", { adapter: "sees_its_device" });
  const seen = await pool.call("places");
  const { setup, ...others } = seen as Record<string, string>;
  assert.equal(setup, "cuda:0");
  assert.deepEqual(Object.keys(others), ["import", "tool", "call", "thread", "spawn", "fork"]);
  assert.deepEqual(
    [...new Set(Object.values(others))],
    [
      "Device(kind='cuda', physical='cuda:1', uuid='GPU-00000001', name='Fake 16', " +
      "memory_bytes=17179869184, share=0.5, reserved_bytes=None)",
    ],
  );
  const variables = await pool.call("variables") as Record<string, string>;
  assert.equal(variables.CUDA_VISIBLE_DEVICES, "1");
});
