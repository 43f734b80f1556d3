import assert from "node:assert/strict";
import { devPython, ROOT } from "../../scripts/dev_python.ts";
import { checkMemory, gpuProcessesOf } from "../../scripts/gpu_check/device_memory.ts";
import { NotRun, type Outcome, outcomeOf, tableOf } from "../../scripts/gpu_check/outcome.ts";
import { checkDriver, checkPlacement, checkTorch } from "../../scripts/gpu_check/placement.ts";
import type { WorkerReport } from "../../scripts/gpu_check/probed_host.ts";
import { checkStartFirst, checkStopFirst } from "../../scripts/gpu_check/replacement.ts";
import type { Device } from "../../src/hardware/mod.ts";
import { tempDir } from "../fixtures/host.ts";
import { fakeNvidiaSmi, VendorTools } from "../fixtures/vendor_tools.ts";

async function gpuCheck(
  tools: VendorTools,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using dir = await tempDir();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "scripts/gpu_check.ts", ...args],
    cwd: ROOT,
    // The fake tools are all of PATH, so that no real one is found.
    env: {
      PATH: tools.folder,
      SNAKEDEN_DATA_DIR: dir.path,
      SNAKEDEN_PYTHON: await devPython(),
      NO_COLOR: "1",
    },
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
  return { code, stdout: out, stderr: err };
}

function named(outcomes: readonly Outcome[], name: string): Outcome {
  const found = outcomes.find((it) => it.name === name);
  assert.ok(found, `nothing about ${name} in ${JSON.stringify(outcomes)}`);
  return found;
}

Deno.test("gpu_check.ts places, replaces and kills workers on the GPUs of nvidia-smi", async () => {
  const gpus = [{ uuid: "GPU-1" }, { uuid: "GPU-2", name: "NVIDIA A10" }];
  await using tools = await fakeNvidiaSmi({ gpus });
  const { stdout, stderr } = await gpuCheck(tools, ["--json", "--rounds", "1"]);
  assert.notEqual(stdout, "", stderr);
  const outcomes: Outcome[] = JSON.parse(stdout);
  const text = (name: string): string => {
    const { state, text } = named(outcomes, name);
    assert.equal(state, "ok", `${name}: ${text}`);
    return text;
  };
  assert.match(text("detection"), /^cuda:1: NVIDIA A10, .*, GPU-2$/m);
  assert.equal(text("accelerators"), "cuda:0 NVIDIA L4, cuda:1 NVIDIA A10");
  // Two workers of each of the two pools share a GPU.
  assert.deepEqual(text("placement").split("\n"), [
    "stop-1 on cuda:0, share 0.25: CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0",
    "stop-2 on cuda:1, share 0.25: CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1",
    "stop-3 on cuda:0, share 0.25: CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0",
    "stop-4 on cuda:1, share 0.25: CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1",
  ]);
  assert.match(text("stop_first"), /^4 replaced and 4 killed workers/);
  assert.match(text("start_first"), /^4 successors started beside their predecessors/);
  // The fake tool lists no processes.
  assert.equal(named(outcomes, "memory").state, "not run");
  assert.equal(named(outcomes, "memory left").state, "not run");
});

Deno.test("gpu_check.ts says that there is no accelerator, and checks the processor", async () => {
  await using tools = await VendorTools.create();
  const { code, stdout, stderr } = await gpuCheck(tools, ["--rounds", "1"]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^ok +detection [^]* no accelerator was found$/m);
  assert.match(stdout, /^not run +accelerators +this machine has no accelerator/m);
  assert.match(stdout, /^ok +placement +stop-1 on cpu, share .*: CUDA_VISIBLE_DEVICES=-1/m);
  assert.match(stdout, /^not run +driver +only for CUDA devices$/m);
  assert.match(stdout, /^ok +stop_first +2 replaced and 2 killed workers/m);
  assert.match(stdout, /^ok +start_first +2 successors/m);
  assert.match(stdout, /^\d+ ok, 0 failed, \d+ not run$/m);
});

Deno.test("gpu_check.ts exits with 1 if a check failed, and with 2 for wrong options", async () => {
  await using tools = await VendorTools.create();
  const failed = await gpuCheck(tools, ["--python", "/no/python"]);
  assert.equal(failed.code, 1, failed.stderr);
  assert.match(failed.stdout, /^failed +start +.*\/no\/python/m);
  const refused = await gpuCheck(tools, ["--rounds", "0"]);
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /^--rounds: given 0; allowed: a whole number from 1 to 1000\nusage:/,
  );
});

Deno.test("outcomeOf() tells a check that cannot be run from one that failed", async () => {
  const outcomes = [
    await outcomeOf("a", () => "two\nlines"),
    await outcomeOf("bcd", () => {
      throw new NotRun("no GPU");
    }),
    await outcomeOf("e", () => Promise.reject(new Error("broken"))),
  ];
  assert.equal(
    tableOf(outcomes),
    "ok       a    two\n              lines\nnot run  bcd  no GPU\nfailed   e    broken\n" +
      "1 ok, 1 failed, 1 not run",
  );
});

const GPU: Device = {
  ...{ id: "cuda:0", kind: "cuda", index: 0, uuid: "GPU-0a", name: "NVIDIA L4", arch: "8.9" },
  ...{ memoryBytes: null, freeBytes: null, unified: false, driver: null, runtime: null },
  ...{ utilization: null, temperatureCelsius: null, powerWatts: null, mig: null, visible: true },
  health: "healthy",
};
const GPUS: readonly Device[] = [GPU, { ...GPU, id: "cuda:1", index: 1, uuid: "GPU-0b" }];

function reportOf(
  worker: string,
  index: number,
  changes: Partial<WorkerReport> = {},
): WorkerReport {
  const { id = "", uuid = null } = GPUS[index] ?? {};
  return {
    worker,
    pid: 100 + Number(worker.split("-")[1]),
    device: { id, uuid, share: 1 },
    variables: { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: String(index) },
    alive: [],
    driver: null,
    torch: null,
    ...changes,
  };
}

const ELSEWHERE = { id: "cuda:1", uuid: "GPU-0b", share: 1 };

const PAIR: readonly WorkerReport[] = [reportOf("stop-1", 0), reportOf("stop-2", 1)];

Deno.test("checkPlacement() names devices without their workers, and wrong variables", () => {
  const placed = { devices: GPUS, workersPerDevice: 1 };
  assert.match(checkPlacement({ ...placed, reports: PAIR }), /^stop-2 on cuda:1, share 1: CUDA/m);
  const both = [reportOf("stop-1", 0), reportOf("stop-2", 0)];
  assert.throws(() => checkPlacement({ ...placed, reports: both }), {
    message: "cuda:0 has 2 workers instead of 1\ncuda:1 has 0 workers instead of 1",
  });
  const blind = [reportOf("stop-1", 0), reportOf("stop-2", 1, { variables: {} })];
  assert.throws(
    () => checkPlacement({ ...placed, reports: blind }),
    /stop-2 on cuda:1 has CUDA_VISIBLE_DEVICES=undefined instead of 1/,
  );
});

Deno.test("checkDriver() compares the device that the driver shows with the one assigned", () => {
  const placed = { devices: GPUS, workersPerDevice: 1 };
  const memory = { freeBytes: 2 ** 30, totalBytes: 2 ** 31 };
  const seen = (driver: WorkerReport["driver"]): string =>
    checkDriver({ ...placed, reports: [reportOf("stop-1", 0, { driver })] });
  assert.throws(() => seen(null), NotRun);
  assert.equal(
    seen({ devices: 1, uuid: "0A", ...memory }),
    "stop-1 sees cuda:0 alone, 1,024 MiB free",
  );
  assert.throws(() => seen({ devices: 1, uuid: "0b", ...memory }), /sees 0b instead of GPU-0a/);
  assert.throws(() => seen({ devices: 2, uuid: "0a", ...memory }), /stop-1 sees 2 devices/);
  assert.throws(() => seen({ error: "cuInit failed" }), /stop-1 on cuda:0: cuInit failed/);
});

Deno.test("checkTorch() fails if torch cannot use a device, and is not run without torch", () => {
  const placed = { devices: GPUS, workersPerDevice: 1 };
  const used = (torch: WorkerReport["torch"]): string =>
    checkTorch({ ...placed, reports: [reportOf("stop-1", 0, { torch })] });
  assert.throws(() => used(null), NotRun);
  const torch = { version: "2.9", device: "cuda:0", allocatedBytes: 2 ** 20 };
  assert.equal(used(torch), "stop-1: torch 2.9 holds 1 MiB on cuda:0");
  assert.throws(() => used({ error: "no CUDA" }), /stop-1 on cuda:0: no CUDA/);
});

Deno.test("gpuProcessesOf() reads the table of nvidia-smi, also where it tells no memory", () => {
  assert.deepEqual(gpuProcessesOf("GPU-0a, 101, 312\nGPU-0b, 102, [N/A]\n\nNo processes found\n"), [
    { gpuUuid: "GPU-0a", pid: 101, usedBytes: 312 * 2 ** 20 },
    { gpuUuid: "GPU-0b", pid: 102, usedBytes: null },
  ]);
});

Deno.test("checkMemory() finds workers that hold memory of another GPU, or of none", () => {
  const check = (table: string): string => checkMemory(PAIR, GPUS, gpuProcessesOf(table));
  assert.equal(
    check("GPU-0a, 101, 312\nGPU-0b, 102, 99\nGPU-0b, 7, 5"),
    "stop-1 (pid 101) holds 312 MiB on cuda:0\nstop-2 (pid 102) holds 99 MiB on cuda:1",
  );
  assert.throws(() => check("GPU-0a, 7, 312"), NotRun);
  assert.throws(() => check("GPU-0a, 101, 312\nGPU-0a, 102, 9"), {
    message: "stop-2 of cuda:1 (GPU-0b) holds memory on GPU-0a",
  });
  assert.throws(() => check("GPU-0a, 101, 312"), { message: "stop-2 holds no memory on any GPU" });
});

Deno.test("checkMemory() looks for the workers of a MIG instance on its GPU", () => {
  const mig: Device = {
    ...GPU,
    id: "cuda:0:0",
    uuid: "MIG-1",
    mig: { profile: "1g", parent: "cuda:0" },
  };
  const report = reportOf("stop-1", 0, { device: { id: mig.id, uuid: mig.uuid, share: 1 } });
  const table = gpuProcessesOf("GPU-0a, 101, 10");
  assert.match(checkMemory([report], [...GPUS, mig], table), /holds 10 MiB on cuda:0:0/);
});

/** A host whose workers report these lists, one after another. */
function hostOf(...lists: (readonly WorkerReport[])[]): Parameters<typeof checkStopFirst>[0] {
  return {
    reports: () => Promise.resolve([...lists.shift() ?? []]),
    replaceAll: () => Promise.resolve(),
    killAll: () => Promise.resolve(),
  };
}

Deno.test("checkStopFirst() finds workers that moved, stayed, or met an earlier one", async () => {
  const next = (pid: number, changes: Partial<WorkerReport> = {}): WorkerReport[] => [
    reportOf("stop-1", 0, { pid, ...changes }),
  ];
  const good = hostOf(next(1), next(2), next(3));
  assert.match(
    await checkStopFirst(good, 1),
    /^1 replaced and 1 killed workers: each device stayed/,
  );
  const moved = hostOf(next(1), next(2, { device: ELSEWHERE }), next(3));
  await assert.rejects(checkStopFirst(moved, 1), /stop-1 moved from cuda:0 to cuda:1/);
  const met = hostOf(next(1), next(2, { alive: [1] }), next(3));
  await assert.rejects(checkStopFirst(met, 1), /stop-1 began on cuda:0 while 1 was still there/);
  await assert.rejects(checkStopFirst(hostOf(next(1), next(1), next(2)), 1), /was not replaced/);
  await assert.rejects(checkStopFirst(hostOf(next(1), [], next(2)), 1), /stop-1 has no successor/);
});

Deno.test("checkStartFirst() fails if no successor has met its predecessor", async () => {
  const next = (pid: number, alive: number[]): WorkerReport[] => [
    reportOf("start-1", 0, { pid, alive }),
  ];
  assert.match(await checkStartFirst(hostOf(next(1, []), next(2, [1]))), /^1 successors started/);
  await assert.rejects(
    checkStartFirst(hostOf(next(1, []), next(2, []))),
    /the successor start-1 has not met its predecessor/,
  );
});
