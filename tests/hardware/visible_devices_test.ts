import assert from "node:assert/strict";
import type { Device } from "../../src/hardware/mod.ts";
import { newDevice } from "../../src/hardware/new_device.ts";
import { type CudaGpu, markVisible } from "../../src/hardware/visible_devices.ts";

const L4 = "NVIDIA L4";

/** Four GPUs, of which the last one is in MIG mode with two instances. */
const GPUS: readonly CudaGpu[] = [
  { index: 0, uuid: "GPU-aa000000-1", name: L4 },
  { index: 1, uuid: "GPU-ab000000-2", name: L4 },
  { index: 2, uuid: "GPU-b0000000-3", name: L4 },
  { index: 3, uuid: "GPU-c0000000-4", name: L4 },
];
const CUDA: readonly Device[] = [
  ...GPUS.slice(0, 3).map(({ index, uuid }) =>
    newDevice({ id: `cuda:${index}`, kind: "cuda", index, uuid, name: L4 })
  ),
  ...["MIG-d1", "MIG-d2"].map((uuid, i) =>
    newDevice({
      id: `cuda:3:${i}`,
      kind: "cuda",
      index: 3,
      uuid,
      name: L4,
      mig: { profile: "1g.5gb", parent: "cuda:3" },
    })
  ),
];
const ROCM: readonly Device[] = [0, 1, 2, 3].map((index) =>
  newDevice({
    id: `rocm:${index}`,
    kind: "rocm",
    index,
    uuid: ["GPU-abba", "GPU-abab", "GPU-baba", null][index] ?? null,
    name: "AMD",
  })
);
const XPU: readonly Device[] = [0, 1].map((index) =>
  newDevice({ id: `xpu:${index}`, kind: "xpu", index, name: "Intel" })
);

function visible(
  devices: readonly Device[],
  variables: Readonly<Record<string, string>>,
  cudaGpus: readonly CudaGpu[] = GPUS,
): { readonly ids: string[]; readonly texts: string[] } {
  const { devices: marked, problems } = markVisible(devices, {
    env: (name) => variables[name],
    cudaGpus,
  });
  assert.deepEqual(marked.map(({ id }) => id), devices.map(({ id }) => id));
  return {
    ids: marked.filter((it) => it.visible).map(({ id }) => id),
    texts: problems.map(({ text }) => text),
  };
}

const ALL = CUDA.map(({ id }) => id);
const MIG = ["cuda:3:0", "cuda:3:1"];

/** Values that CUDA reads to the letter. */
const CLEAR: readonly (readonly [string, readonly string[]])[] = [
  ["0", ["cuda:0"]],
  ["2,0", ["cuda:0", "cuda:2"]],
  [" 1 , 2 ", ["cuda:1", "cuda:2"]],
  ["0,1,2,3", ALL],
  ["+1", ["cuda:1"]],
  ["1gpu2,2ampere", ["cuda:1", "cuda:2"]],
  ["3", MIG],
  ["", []],
  ["-1", []],
  ["none", []],
  ["NoDevFiles", []],
  ["0,2,-1,1", ["cuda:0", "cuda:2"]],
  ["0,", ["cuda:0"]],
  ["GPU-b", ["cuda:2"]],
  ["GPU-aa,GPU-b0000000-3", ["cuda:0", "cuda:2"]],
  ["GPU-c0000000-4", MIG],
  ["MIG-d2", ["cuda:3:1"]],
  ["MIG-d2,MIG-d1", MIG],
];

Deno.test("markVisible() reads CUDA_VISIBLE_DEVICES as CUDA does", () => {
  for (const [value, ids] of CLEAR) {
    assert.deepEqual(visible(CUDA, { CUDA_VISIBLE_DEVICES: value }), { ids, texts: [] }, value);
  }
  assert.deepEqual(visible(CUDA, {}).ids, ALL);
});

Deno.test("markVisible() ends the list at the first invalid entry, and says so", () => {
  const ends = "names no device, so the list ends before it";
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["0,9,1", ["cuda:0"], `entry 2 of 3 ("9") ${ends}`],
    ["everything", [], `entry 1 of 1 ("everything") ${ends}`],
    ["0;1,x", ["cuda:0"], `entry 2 of 2 ("x") ${ends}`],
    ["0,GPU-b", ["cuda:0"], `entry 2 of 2 ${ends}`],
    ["GPU-b,0", ["cuda:2"], `entry 2 of 2 ("0") ${ends}`],
    ["GPU-a", [], `entry 1 of 1 ${ends}`],
    ["GPU-b,GPU-zz,GPU-aa", ["cuda:2"], `entry 2 of 3 ${ends}`],
    ["MIG-d", [], `entry 1 of 1 ${ends}`],
    ["1,99999999999999999999", ["cuda:1"], `entry 2 of 2 ("99999999999999999999") ${ends}`],
  ];
  for (const [value, ids, text] of cases) {
    const texts = [`CUDA_VISIBLE_DEVICES: ${text}`];
    assert.deepEqual(visible(CUDA, { CUDA_VISIBLE_DEVICES: value }), { ids, texts }, value);
  }
});

Deno.test("markVisible() hides all devices if an entry is repeated, as CUDA does", () => {
  const again = "names a device again, which makes the list empty";
  for (const value of ["0,1,0", "GPU-aa,GPU-b,GPU-aa000000-1", "MIG-d1,MIG-d2,MIG-d1"]) {
    const { ids, texts } = visible(CUDA, { CUDA_VISIBLE_DEVICES: value });
    assert.deepEqual(ids, [], value);
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? "", new RegExp(`^CUDA_VISIBLE_DEVICES: entry 3 of 3.* ${again}$`));
  }
});

Deno.test("markVisible() says when only CUDA knows its order of the GPUs", () => {
  const mixed = GPUS.map((gpu) => gpu.index === 1 ? { ...gpu, name: "NVIDIA T400" } : gpu);
  const textsOf = (variables: Readonly<Record<string, string>>): string[] =>
    visible(CUDA, variables, mixed).texts;
  const [text] = textsOf({ CUDA_VISIBLE_DEVICES: "1" });
  assert.match(text ?? "", /^CUDA_VISIBLE_DEVICES: the GPUs differ .* order of the PCI bus\./);
  assert.equal(
    textsOf({ CUDA_VISIBLE_DEVICES: "1", CUDA_DEVICE_ORDER: "FASTEST_FIRST" }).length,
    1,
  );
  assert.deepEqual(textsOf({ CUDA_VISIBLE_DEVICES: "1", CUDA_DEVICE_ORDER: "PCI_BUS_ID" }), []);
  assert.deepEqual(textsOf({ CUDA_VISIBLE_DEVICES: "GPU-ab" }), []);
  assert.deepEqual(textsOf({ CUDA_VISIBLE_DEVICES: "0,1,2,3" }), [], "all, in any order");
  assert.deepEqual(textsOf({ CUDA_VISIBLE_DEVICES: "" }), []);
  assert.deepEqual(visible(CUDA, { CUDA_VISIBLE_DEVICES: "1" }).texts, [], "all of one model");
});

Deno.test("markVisible() counts indices by the GPUs of the tool, also if a row is missing", () => {
  const devices = CUDA.filter(({ index }) => index !== 0);
  const gpus = GPUS.slice(1);
  assert.deepEqual(visible(devices, { CUDA_VISIBLE_DEVICES: "1" }, gpus).ids, ["cuda:1"]);
});

Deno.test("markVisible() reads ROCR_VISIBLE_DEVICES as ROCR does", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ["", []],
    ["-1", []],
    ["GPU-XX", []],
    ["3,GPU-BABA,4", [2, 3]],
    ["1, gpu-abba ,GPU-XX", [0, 1]],
    ["0x1,02", [1, 2]],
    ["GPU-AB", []],
    ["2,2,1", [2]],
  ];
  for (const [value, numbers] of cases) {
    const { ids } = visible(ROCM, { ROCR_VISIBLE_DEVICES: value });
    assert.deepEqual(ids, numbers.map((it) => `rocm:${it}`), value);
  }
});

Deno.test("markVisible() reads HIP_VISIBLE_DEVICES as HIP does", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ["", [0, 1, 2, 3]],
    ["-1", []],
    ["2,0,0", [0, 2]],
    ["1, 2", [1]],
    ["01", []],
    ["1,9,2", [1]],
    ["GPU-baba", [2]],
  ];
  for (const [value, numbers] of cases) {
    const { ids } = visible(ROCM, { HIP_VISIBLE_DEVICES: value });
    assert.deepEqual(ids, numbers.map((it) => `rocm:${it}`), value);
  }
});

Deno.test("markVisible() counts for HIP what ROCR left, in its order", () => {
  const idsOf = (variables: Readonly<Record<string, string>>): string[] =>
    visible(ROCM, variables).ids;
  assert.deepEqual(idsOf({ ROCR_VISIBLE_DEVICES: "3,1", HIP_VISIBLE_DEVICES: "0" }), ["rocm:3"]);
  assert.deepEqual(idsOf({ ROCR_VISIBLE_DEVICES: "3,1", HIP_VISIBLE_DEVICES: "3" }), []);
  assert.deepEqual(idsOf({ CUDA_VISIBLE_DEVICES: "1" }), ["rocm:1"], "HIP reads it too");
  assert.deepEqual(idsOf({ CUDA_VISIBLE_DEVICES: "1", HIP_VISIBLE_DEVICES: "2" }), ["rocm:2"]);
});

Deno.test("markVisible() reads ZE_AFFINITY_MASK as Level Zero does", () => {
  const idsOf = (mask: string, hierarchy?: string): string[] =>
    visible(XPU, {
      ZE_AFFINITY_MASK: mask,
      ...(hierarchy === undefined ? {} : { ZE_FLAT_DEVICE_HIERARCHY: hierarchy }),
    }).ids;
  assert.deepEqual(idsOf(""), ["xpu:0", "xpu:1"]);
  assert.deepEqual(idsOf("default"), ["xpu:0", "xpu:1"]);
  assert.deepEqual(idsOf("1"), ["xpu:1"]);
  assert.deepEqual(idsOf("7,x,0"), ["xpu:0"]);
  assert.deepEqual(idsOf("1.0", "COMPOSITE"), ["xpu:1"]);
  assert.deepEqual(idsOf("1.0"), [], "FLAT has no parts of devices");
  assert.equal(visible(XPU, { ZE_AFFINITY_MASK: "7,x,0" }).texts.length, 2);
});

Deno.test("markVisible() leaves the devices of other kinds alone, and reports nothing for none", () => {
  const others = [
    newDevice({ id: "mps", kind: "mps", index: 0, name: "Apple M1" }),
    newDevice({ id: "cpu", kind: "cpu", index: 0, name: "CPU" }),
  ];
  const variables = {
    CUDA_VISIBLE_DEVICES: "nonsense",
    HIP_VISIBLE_DEVICES: "nonsense",
    ROCR_VISIBLE_DEVICES: "nonsense",
    ZE_AFFINITY_MASK: "nonsense",
  };
  assert.deepEqual(visible(others, variables, []), { ids: ["mps", "cpu"], texts: [] });
});
