/** Machines and pools for the tests of placements. */
import type { Device, HardwareInfo, PoolNeeds } from "../../../src/hardware/mod.ts";

export const MIB: number = 2 ** 20;

/** A device like an NVIDIA L4, the first one of a machine. */
export function device(fields: Partial<Device> = {}): Device {
  const { kind = "cuda", index = 0 } = fields;
  return {
    id: kind === "mps" || kind === "cpu" ? kind : `${kind}:${index}`,
    kind,
    index,
    uuid: `GPU-${index}`,
    name: "NVIDIA L4",
    arch: "8.9",
    memoryBytes: 24_000 * MIB,
    freeBytes: 24_000 * MIB,
    unified: false,
    driver: "595.71.05",
    runtime: "13.2",
    utilization: 0,
    temperatureCelsius: 41,
    powerWatts: 16,
    mig: null,
    visible: true,
    health: "healthy",
    ...fields,
  };
}

/** An instance of a GPU that is divided. */
export function migInstance(parent: number, number: number): Device {
  return device({
    id: `cuda:${parent}:${number}`,
    index: parent,
    uuid: `MIG-${parent}-${number}`,
    name: "NVIDIA A100 MIG 1g.5gb",
    memoryBytes: 5_000 * MIB,
    mig: { profile: "1g.5gb", parent: `cuda:${parent}` },
  });
}

/** The processor of a machine. */
export const CPU: Device = device({
  kind: "cpu",
  uuid: null,
  name: "EPYC",
  arch: null,
  memoryBytes: null,
  freeBytes: null,
  unified: true,
});

/** A machine with these devices and a processor. */
export function machine(
  devices: readonly Device[],
  more: Partial<HardwareInfo> = {},
): HardwareInfo {
  return {
    hostname: "den",
    platform: "linux-x86_64",
    cpu: {
      model: "EPYC",
      vendor: "AMD",
      physicalCores: 8,
      logicalCores: 16,
      usableCores: 16,
      features: [],
    },
    memory: {
      totalBytes: 64_000 * MIB,
      availableBytes: 60_000 * MIB,
      limitBytes: null,
    },
    devices: [...devices, CPU],
    problems: [],
    ...more,
  };
}

/** A machine with some GPUs like {@link device}. */
export function gpus(count: number): HardwareInfo {
  return machine(Array.from({ length: count }, (_, index) => device({ index })));
}

/** The settings of a pool. */
export function pool(name: string, needs: Partial<PoolNeeds> = {}): PoolNeeds {
  return { name, devices: "inherit", env: {}, inheritEnv: [], ...needs };
}
