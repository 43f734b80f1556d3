/** Tests the probes with fake tools, and what the probes of Snakepit get wrong. */
import assert from "node:assert/strict";
import {
  type HardwareProblem,
  probeDevices,
  type ProbeOptions,
  type ProbeResult,
} from "../../../src/hardware/mod.ts";
import { fakeNvidiaSmi, VendorTools } from "../../fixtures/vendor_tools.ts";

const MIB = 1024 * 1024;

/** Probes with no tools but the fake ones, and no variables but these. */
function probe(
  tools: VendorTools,
  variables: Readonly<Record<string, string>> = {},
  options: ProbeOptions = {},
): Promise<ProbeResult> {
  const env = (name: string): string | undefined =>
    name === "PATH" ? tools.folder : variables[name];
  return probeDevices({ env, os: "linux", folders: [], limitMs: 60_000, ...options });
}

/** Returns the problems without those of tools that are not there, as on most machines. */
function realProblems({ problems }: ProbeResult): readonly HardwareProblem[] {
  return problems.filter(({ what }) => what !== "missing");
}

function ids({ devices }: ProbeResult): string[] {
  return devices.map(({ id }) => id);
}

Deno.test("probeDevices() finds nothing on a machine without tools, and names them", async () => {
  await using tools = await VendorTools.create();
  const { devices, problems } = await probe(tools);
  assert.deepEqual(devices, []);
  assert.deepEqual(problems.map(({ probe, what }) => `${probe} ${what}`), [
    "nvidia-smi missing",
    "amd-smi missing",
    "rocm-smi missing",
    "xpu-smi missing",
  ]);
});

Deno.test("probeDevices() finds GPUs with the driver alone, without a CUDA toolkit", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}], driver: "595.71.05", cuda: "13.2" });
  const result = await probe(tools);
  assert.deepEqual(realProblems(result), []);
  assert.deepEqual(result.devices, [{
    id: "cuda:0",
    kind: "cuda",
    index: 0,
    uuid: "GPU-00000000-0000-0000-0000-000000000000",
    name: "NVIDIA L4",
    arch: "8.9",
    memoryBytes: 23_034 * MIB,
    freeBytes: 23_034 * MIB,
    unified: false,
    driver: "595.71.05",
    runtime: "13.2",
    utilization: 0,
    temperatureCelsius: 41,
    powerWatts: 16.23,
    mig: null,
    visible: true,
    health: "healthy",
  }]);
});

Deno.test("probeDevices() never asks nvidia-smi for the invalid field cuda_version", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}] });
  await probe(tools);
  const calls = await tools.calls("nvidia-smi");
  assert.equal(calls.length, 2, "one query, and the header, side by side");
  assert.deepEqual(calls.filter((it) => it.includes("cuda_version")), []);
  assert.deepEqual(calls.filter((it) => it === "-L"), [], "no GPU is in MIG mode");
});

Deno.test("probeDevices() asks an old driver for the fields that it knows", async () => {
  const unknownFields = ["compute_cap", "mig.mode.current"];
  await using tools = await fakeNvidiaSmi({ gpus: [{}], unknownFields });
  const result = await probe(tools);
  assert.deepEqual(realProblems(result), []);
  assert.partialDeepStrictEqual(result.devices, [{
    id: "cuda:0",
    arch: null,
    memoryBytes: 23_034 * MIB,
    runtime: "13.0",
    utilization: null,
  }]);
});

Deno.test("probeDevices() lists the instances of a GPU in MIG mode instead of the GPU", async () => {
  const instances = [
    { profile: "1g.12gb", uuid: "MIG-00000000-0000-0000-0000-000000000003" },
    { profile: "1g.10gb+me", uuid: "MIG-00000000-0000-0000-0000-000000000004" },
  ];
  const h100 = { name: "NVIDIA H100", instances };
  for (const unknownFields of [[], ["mig.mode.current"]]) {
    await using tools = await fakeNvidiaSmi({ gpus: [{}, h100], unknownFields });
    const result = await probe(tools);
    assert.deepEqual(realProblems(result), []);
    assert.deepEqual(ids(result), ["cuda:0", "cuda:1:0", "cuda:1:1"]);
    assert.partialDeepStrictEqual(result.devices.slice(1), [
      {
        index: 1,
        uuid: "MIG-00000000-0000-0000-0000-000000000003",
        name: "NVIDIA H100 MIG 1g.12gb",
        memoryBytes: 12e9,
        freeBytes: null,
        utilization: null,
        mig: { profile: "1g.12gb", parent: "cuda:1" },
      },
      { memoryBytes: 10e9, mig: { profile: "1g.10gb+me", parent: "cuda:1" } },
    ]);
  }
});

Deno.test("probeDevices() lists no GPU in MIG mode that has no instances, and says so", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{ instances: [] }, {}] });
  const result = await probe(tools);
  assert.deepEqual(ids(result), ["cuda:1"]);
  assert.deepEqual(realProblems(result), [{
    probe: "nvidia-smi",
    what: "failed",
    text: "cuda:0 is in MIG mode and has no instances, so it cannot be used",
  }]);
});

Deno.test("probeDevices() lists a GPU without memory of its own as unified", async () => {
  const gb10 = { name: "NVIDIA GB10", memoryMiB: "[N/A]" };
  await using tools = await fakeNvidiaSmi({ gpus: [gb10] });
  const { devices } = await probe(tools);
  assert.partialDeepStrictEqual(devices, [{ memoryBytes: null, freeBytes: null, unified: true }]);
});

Deno.test("probeDevices() honours CUDA_VISIBLE_DEVICES, which nvidia-smi ignores", async () => {
  const instances = [{ profile: "1g.5gb", uuid: "MIG-a" }, { profile: "1g.5gb", uuid: "MIG-b" }];
  await using tools = await fakeNvidiaSmi({ gpus: [{}, { instances }, {}] });
  const visible = async (value: string): Promise<string[]> => {
    const { devices } = await probe(tools, { CUDA_VISIBLE_DEVICES: value });
    return devices.filter((it) => it.visible).map(({ id }) => id);
  };
  assert.deepEqual(await visible("2,0"), ["cuda:0", "cuda:2"]);
  assert.deepEqual(await visible("1"), ["cuda:1:0", "cuda:1:1"]);
  assert.deepEqual(await visible("GPU-00000001"), ["cuda:1:0", "cuda:1:1"]);
  assert.deepEqual(await visible("MIG-b"), ["cuda:1:1"]);
  assert.deepEqual(await visible(""), []);
});

Deno.test("probeDevices() names a driver that does not work", async () => {
  await using tools = await VendorTools.create();
  const text = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
  await tools.addPrinting("nvidia-smi", text, { code: 9 });
  const result = await probe(tools);
  assert.deepEqual(result.devices, []);
  assert.deepEqual(realProblems(result), [{
    probe: "nvidia-smi",
    what: "failed",
    text: `nvidia-smi exited with status 9; it printed: ${text}`,
  }]);
});

Deno.test("probeDevices() keeps the GPUs beside one that fails", async () => {
  await using tools = await VendorTools.create();
  const row = (index: number): string =>
    `${index}, GPU-${index}, 00000000:0${index}:00.0, NVIDIA L4, 8.9, 580.95.05, [N/A], 100, 90, ` +
    `0, 40, 16`;
  const error = "Unable to determine the device handle for GPU 0000:01:00.0: Unknown Error";
  await tools.addPrinting("nvidia-smi", [row(0), error, row(2)].join("\n"), { code: 15 });
  const result = await probe(tools);
  assert.deepEqual(ids(result), ["cuda:0", "cuda:2"]);
  assert.deepEqual(realProblems(result)[0], {
    probe: "nvidia-smi",
    what: "unreadable",
    text: `nvidia-smi printed 3 rows, of which 1 could not be read; it printed: ${error}`,
  });
});

Deno.test("probeDevices() makes no device of garbage, of nothing, or of half a table", async () => {
  await using tools = await VendorTools.create();
  const names = ["nvidia-smi", "amd-smi", "rocm-smi", "xpu-smi", "system_profiler"];
  const texts = [
    "",
    "No devices were found",
    "0, GPU-1, 00000000:03:00.0, NVIDIA",
    `[{"gpu": 0, "asic": {"market_na`,
    `{"card0": {"Card series": "Radeon`,
    "[]]}{",
    "\u0000\u0001\u0002",
    "null",
    "7",
  ];
  for (const text of texts) {
    for (const name of names) await tools.addPrinting(name, text);
    const result = await probe(tools, {}, { os: "darwin" });
    assert.deepEqual(result.devices, [], text);
    assert.deepEqual([...new Set(result.problems.map((it) => it.probe))], [
      "nvidia-smi",
      "amd-smi",
      "rocm-smi",
      "system_profiler",
      "xpu-smi",
    ], text);
    for (const { what } of result.problems) assert.equal(what, "unreadable", text);
  }
});

Deno.test("probeDevices() asks all tools side by side", async () => {
  await using tools = await VendorTools.create();
  const names = ["nvidia-smi", "amd-smi", "xpu-smi"];
  // Each tool ends only after all others have begun.
  const others = names.map((it) => `[ -e "$here/${it}.calls" ]`).join(" && ");
  for (const name of names) await tools.add(name, `until ${others}; do :; done; echo "[]"`);
  const result = await probe(tools);
  assert.deepEqual(result.problems.filter(({ what }) => what === "timeout"), []);
});

Deno.test("probeDevices() finds the other devices while each tool hangs", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}] });
  for (const name of ["amd-smi", "rocm-smi", "xpu-smi"]) await tools.addHanging(name);
  const result = await probe(tools, {}, { limitMs: 2_000 });
  assert.deepEqual(ids(result), ["cuda:0"]);
  assert.deepEqual(realProblems(result).map(({ probe, what }) => `${probe} ${what}`), [
    "amd-smi timeout",
    "xpu-smi timeout",
  ]);
  assert.deepEqual(await tools.calls("rocm-smi"), [], "the driver would hang it as well");
});

const AMD = [{
  gpu: 0,
  asic: { market_name: "AMD Instinct MI210", target_graphics_version: "gfx90a" },
  vram: { size: { value: 65_520, unit: "MB" } },
  driver: { version: "6.10.5" },
}];
const AMD_LOAD = [{
  gpu: 0,
  mem_usage: { free_vram: { value: 65_000, unit: "MB" } },
  usage: { gfx_activity: { value: 50, unit: "%" } },
}];
const CARDS = {
  card0: {
    "Card series": "Radeon RX 7900 XTX",
    "VRAM Total Memory (B)": "25753026560",
    "VRAM Total Used Memory (B)": "12000000000",
  },
  system: { "Driver version": "6.7.0" },
};

async function addAmdSmi(tools: VendorTools, load: string): Promise<void> {
  await tools.add(
    "amd-smi",
    `case "$1" in static) echo '${JSON.stringify(AMD)}' ;; metric) ${load} ;; esac`,
  );
}

Deno.test("probeDevices() asks amd-smi, and not rocm-smi when that one answers", async () => {
  await using tools = await VendorTools.create();
  await addAmdSmi(tools, `echo '${JSON.stringify(AMD_LOAD)}'`);
  await tools.addPrinting("rocm-smi", JSON.stringify(CARDS));
  const result = await probe(tools);
  assert.partialDeepStrictEqual(result.devices, [{
    id: "rocm:0",
    kind: "rocm",
    name: "AMD Instinct MI210",
    memoryBytes: 65_520 * MIB,
    freeBytes: 65_000 * MIB,
    utilization: 0.5,
  }]);
  assert.deepEqual(realProblems(result), []);
  assert.deepEqual(await tools.calls("rocm-smi"), []);
});

Deno.test("probeDevices() lists GPUs of which amd-smi does not tell the load", async () => {
  await using tools = await VendorTools.create();
  await addAmdSmi(tools, "echo 'no metrics' >&2; exit 2");
  const result = await probe(tools);
  assert.partialDeepStrictEqual(result.devices, [{ id: "rocm:0", freeBytes: null }]);
  assert.deepEqual(realProblems(result).map(({ text }) => text), [
    "amd-smi exited with status 2; it printed: no metrics",
  ]);
});

Deno.test("probeDevices() asks rocm-smi where amd-smi is missing or fails", async () => {
  await using tools = await VendorTools.create();
  await tools.addPrinting("rocm-smi", JSON.stringify(CARDS));
  const expected = [{ id: "rocm:0", memoryBytes: 25_753_026_560, freeBytes: 13_753_026_560 }];
  const without = await probe(tools);
  assert.partialDeepStrictEqual(without.devices, expected);
  assert.deepEqual(realProblems(without), []);
  await tools.addPrinting("amd-smi", "ERROR:root:no driver", { code: 1 });
  const failing = await probe(tools);
  assert.partialDeepStrictEqual(failing.devices, expected);
  assert.deepEqual(realProblems(failing).map(({ probe, what }) => `${probe} ${what}`), [
    "amd-smi failed",
  ]);
});

Deno.test("probeDevices() cuts no devices out of the text of rocm-smi", async () => {
  await using tools = await VendorTools.create();
  const line = "0    51.0c           4.0W    0Mhz  96Mhz  0%   auto  100.0W   11%   0%";
  await tools.addPrinting("rocm-smi", Array(12).fill(line).join("\n"));
  const result = await probe(tools);
  assert.deepEqual(result.devices, []);
  assert.deepEqual(realProblems(result).map(({ what }) => what), ["unreadable"]);
});

Deno.test("probeDevices() lists cuda before rocm before mps before xpu", async () => {
  await using tools = await fakeNvidiaSmi({ gpus: [{}, {}] });
  await tools.addPrinting("rocm-smi", JSON.stringify(CARDS));
  const display = { sppci_model: "Apple M1", spdisplays_mtlgpufamilysupport: "spdisplays_metal3" };
  await tools.addPrinting("system_profiler", JSON.stringify({ SPDisplaysDataType: [display] }));
  const xpu = { device_id: 0, device_name: "Intel GPU" };
  await tools.addPrinting("xpu-smi", JSON.stringify({ device_list: [xpu] }));
  const mac = await probe(tools, {}, { os: "darwin" });
  assert.deepEqual(ids(mac), ["cuda:0", "cuda:1", "rocm:0", "mps", "xpu:0"]);
  const linux = await probe(tools);
  assert.deepEqual(ids(linux), ["cuda:0", "cuda:1", "rocm:0", "xpu:0"]);
  assert.equal((await tools.calls("system_profiler")).length, 1, "only on macOS");
});

Deno.test("probeDevices() rejects with the reason of its signal", async () => {
  await using tools = await VendorTools.create();
  await tools.addHanging("nvidia-smi");
  const controller = new AbortController();
  const running = probe(tools, {}, { signal: controller.signal });
  await tools.hangingPids("nvidia-smi");
  const reason = new Error("stop");
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
  const calls = await tools.calls("nvidia-smi");
  const { signal } = controller;
  await assert.rejects(probe(tools, {}, { signal }), (error) => error === reason);
  assert.deepEqual(await tools.calls("nvidia-smi"), calls);
});
