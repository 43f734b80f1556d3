import assert from "node:assert/strict";
import {
  type Device,
  type HardwareProblem,
  probeDevices,
  type ProbeOptions,
  refreshDevices,
} from "../../../src/hardware/mod.ts";
import { newDevice } from "../../../src/hardware/new_device.ts";
import { fakeNvidiaSmi, VendorTools } from "../../fixtures/vendor_tools.ts";

const MIB = 1024 * 1024;

function optionsFor(tools: VendorTools): ProbeOptions {
  const env = (name: string): string | undefined => name === "PATH" ? tools.folder : undefined;
  return { env, os: "linux", folders: [], limitMs: 60_000 };
}

async function refresh(
  tools: VendorTools,
  devices: readonly Device[],
): Promise<{ readonly fresh: readonly Device[]; readonly problems: readonly HardwareProblem[] }> {
  const problems: HardwareProblem[] = [];
  const onProblem = (problem: HardwareProblem): void => void problems.push(problem);
  const fresh = await refreshDevices(devices, { ...optionsFor(tools), onProblem });
  return { fresh, problems };
}

Deno.test("refreshDevices() reads what changes by one query, and nothing else", async () => {
  const instances = [{ profile: "1g.5gb", uuid: "MIG-a" }];
  await using tools = await fakeNvidiaSmi({ gpus: [{}, { instances }] });
  const { devices } = await probeDevices(optionsFor(tools));
  const before = (await tools.calls("nvidia-smi")).length;
  const busy = { freeMiB: 1_000, utilization: 97, temperature: 80, powerDraw: 70 };
  await tools.addNvidiaSmi({ gpus: [{ ...busy, name: "ignored" }, { ...busy, instances }] });
  const { fresh, problems } = await refresh(tools, devices);
  assert.deepEqual(problems, []);
  assert.deepEqual(fresh, [
    {
      ...devices[0],
      freeBytes: 1_000 * MIB,
      utilization: 0.97,
      temperatureCelsius: 80,
      powerWatts: 70,
    },
    { ...devices[1], temperatureCelsius: 80 },
  ]);
  const calls = (await tools.calls("nvidia-smi")).slice(before);
  assert.deepEqual(calls, [
    "--query-gpu=index,uuid,memory.free,utilization.gpu,temperature.gpu,power.draw " +
    "--format=csv,noheader,nounits",
  ]);
});

Deno.test("refreshDevices() leaves no stale value when the tool fails, and says so", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}] });
  const { devices } = await probeDevices(optionsFor(tools));
  await tools.addPrinting("nvidia-smi", "no driver", { code: 9 });
  const { fresh, problems } = await refresh(tools, devices);
  assert.partialDeepStrictEqual(fresh, [{
    id: "cuda:0",
    memoryBytes: 23_034 * MIB,
    freeBytes: null,
    utilization: null,
    temperatureCelsius: null,
    powerWatts: null,
  }]);
  assert.deepEqual(problems.map(({ what }) => what), ["failed"]);
});

Deno.test("refreshDevices() takes no values of another GPU at the same index", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{ uuid: "GPU-old" }] });
  const { devices } = await probeDevices(optionsFor(tools));
  await tools.addNvidiaSmi({ gpus: [{ uuid: "GPU-new", freeMiB: 5 }] });
  const { fresh } = await refresh(tools, devices);
  assert.partialDeepStrictEqual(fresh, [{ uuid: "GPU-old", freeBytes: null, utilization: null }]);
});

Deno.test("refreshDevices() asks amd-smi, or else rocm-smi", async () => {
  await using tools = await VendorTools.create();
  const gpu = newDevice({ id: "rocm:0", kind: "rocm", index: 0, name: "AMD", memoryBytes: 1_000 });
  const card = { "VRAM Total Memory (B)": "1000", "VRAM Total Used Memory (B)": "100" };
  await tools.addPrinting("rocm-smi", JSON.stringify({ card0: { ...card, "GPU use (%)": "5" } }));
  const older = await refresh(tools, [gpu]);
  assert.deepEqual(older, {
    fresh: [{ ...gpu, freeBytes: 900, utilization: 0.05 }],
    problems: [],
  });
  const metric = [{ gpu: 0, mem_usage: { free_vram: { value: 500, unit: "B" } } }];
  await tools.addPrinting("amd-smi", JSON.stringify(metric));
  const newer = await refresh(tools, [gpu]);
  assert.deepEqual(newer, { fresh: [{ ...gpu, freeBytes: 500 }], problems: [] });
  assert.equal((await tools.calls("rocm-smi")).length, 1);
});

Deno.test("refreshDevices() runs nothing for kinds whose load no tool tells", async () => {
  await using tools = await VendorTools.create();
  for (const name of ["nvidia-smi", "amd-smi", "rocm-smi", "xpu-smi", "system_profiler"]) {
    await tools.addPrinting(name, "");
  }
  const devices = [
    newDevice({ id: "mps", kind: "mps", index: 0, name: "Apple M1" }),
    newDevice({ id: "xpu:0", kind: "xpu", index: 0, name: "Intel" }),
    newDevice({ id: "cpu", kind: "cpu", index: 0, name: "CPU", freeBytes: 7 }),
  ];
  assert.deepEqual(await refresh(tools, devices), { fresh: devices, problems: [] });
  for (const name of ["nvidia-smi", "amd-smi", "rocm-smi", "xpu-smi", "system_profiler"]) {
    assert.deepEqual(await tools.calls(name), []);
  }
});
