import type { CpuInfo } from "../hardware_info.ts";
import type { CpuFacts } from "./cpu_thread.ts";

/** The instruction sets that are reported, with the names that systems have for each. */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  avx: ["avx", "avx1.0"],
  avx2: ["avx2"],
  avx512f: ["avx512f"],
  avx512_vnni: ["avx512_vnni", "avx512vnni"],
  avx512_bf16: ["avx512_bf16", "avx512bf16"],
  amx_tile: ["amx_tile", "amx-tile"],
  neon: ["neon", "asimd"],
  sve: ["sve"],
};

/** Returns what is known about the processor; without facts, the cores that may be used. */
export function cpuInfoOf(
  facts: CpuFacts | undefined,
  { os, arch }: Pick<typeof Deno.build, "os" | "arch"> = Deno.build,
): CpuInfo {
  // It honours the affinity of the process and the quota of its group.
  const usableCores = navigator.hardwareConcurrency;
  if (facts === undefined) {
    const features = featuresOf("", arch);
    const unknown = { model: null, vendor: null, physicalCores: null, logicalCores: null };
    return { ...unknown, usableCores, features };
  }
  const { vendor, cores, physicalCores, flags } = facts;
  return {
    model: modelOf(facts),
    vendor: vendor || null,
    physicalCores: isWithoutLscpu(facts, os) ? null : countOf(physicalCores),
    logicalCores: countOf(cores),
    usableCores,
    features: featuresOf(flags, arch),
  };
}

/**
 * Returns true if the package had no output of lscpu. It then has no vendor, and takes the hardware
 * threads for cores.
 */
export function isWithoutLscpu({ vendor }: CpuFacts, os = Deno.build.os): boolean {
  return os === "linux" && vendor === "";
}

/** The package cuts the first word off the name, and calls it or the whole the manufacturer. */
function modelOf({ manufacturer, brand }: CpuFacts): string | null {
  const name = manufacturer.endsWith(brand) ? manufacturer : `${manufacturer} ${brand}`;
  return name.trim() || null;
}

function countOf(cores: number): number | null {
  return Number.isInteger(cores) && cores > 0 ? cores : null;
}

function featuresOf(flags: string, arch: string): string[] {
  const found = new Set(flags.toLowerCase().split(/[\s,]+/));
  // 64-bit ARM has no processor without it, and macOS does not list it.
  if (arch === "aarch64") found.add("neon");
  return Object.keys(FEATURES).filter((name) => FEATURES[name]?.some((it) => found.has(it)));
}
