import assert from "node:assert/strict";
import { cpuInfoOf } from "../../../src/hardware/system/cpu_info.ts";
import type { CpuFacts } from "../../../src/hardware/system/cpu_thread.ts";

const LINUX = { os: "linux", arch: "x86_64" } as const;
const FACTS: CpuFacts = {
  manufacturer: "Intel",
  brand: "Xeon®",
  vendor: "Intel",
  cores: 8,
  physicalCores: 4,
  flags: "fpu sse2 avx avx2",
};

Deno.test("cpuInfoOf() joins the parts of a model, which the package cuts at its first word", () => {
  const models: readonly [manufacturer: string, brand: string, model: string | null][] = [
    ["Intel", "Xeon® Platinum 8481C", "Intel Xeon® Platinum 8481C"],
    ["AMD", "EPYC 9R14", "AMD EPYC 9R14"],
    ["Apple", "M1", "Apple M1"],
    ["Neoverse-N1", "", "Neoverse-N1"],
    ["Some Chip X", "Chip X", "Some Chip X"],
    ["", "", null],
  ];
  for (const [manufacturer, brand, model] of models) {
    assert.equal(cpuInfoOf({ ...FACTS, manufacturer, brand }, LINUX).model, model);
  }
});

Deno.test("cpuInfoOf() lists the instruction sets that numeric libraries use", () => {
  const all = "avx,avx2,avx512f,avx512_vnni,avx512_bf16,amx_tile".split(",");
  const flags: readonly [flags: string, arch: "x86_64" | "aarch64", features: string[]][] = [
    ["", "x86_64", []],
    ["fpu sse4_2 avx2x notavx", "x86_64", []],
    [`fpu ${all.toReversed().join(" ")} rdpid`, "x86_64", all],
    ["FPU AVX1.0 AVX2", "x86_64", ["avx", "avx2"]],
    ["fp asimd evtstrm sve", "aarch64", ["neon", "sve"]],
    ["", "aarch64", ["neon"]],
  ];
  for (const [given, arch, features] of flags) {
    const info = cpuInfoOf({ ...FACTS, flags: given }, { os: "linux", arch });
    assert.deepEqual(info.features, features, given);
  }
});

Deno.test("cpuInfoOf() says that cores are unknown rather than what the package guesses", () => {
  assert.equal(cpuInfoOf(FACTS, LINUX).physicalCores, 4);
  const noLscpu = cpuInfoOf({ ...FACTS, vendor: "", physicalCores: 8, flags: "" }, LINUX);
  assert.deepEqual(
    [noLscpu.vendor, noLscpu.physicalCores, noLscpu.logicalCores],
    [null, null, 8],
  );
  for (const cores of [0, NaN, -1, 0.5]) {
    assert.equal(cpuInfoOf({ ...FACTS, physicalCores: cores }, LINUX).physicalCores, null);
  }
});

Deno.test("cpuInfoOf() without facts has only the cores that may be used", () => {
  assert.deepEqual(cpuInfoOf(undefined, LINUX), {
    model: null,
    vendor: null,
    physicalCores: null,
    logicalCores: null,
    usableCores: navigator.hardwareConcurrency,
    features: [],
  });
});
