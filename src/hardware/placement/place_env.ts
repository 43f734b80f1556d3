import type { Device } from "../device.ts";

/** The use of a device by a worker. */
export interface DeviceUse {
  readonly device: Device;
  /** The part of the device that the worker may use. */
  readonly share: number;
  /** The part of its memory that the libraries of the worker should allocate at most. */
  readonly memoryFraction: number;
}

/**
 * Returns the variables by which the libraries of a worker find its device and no other, and keep
 * to its share. `env` reads the variables of the host, some of which the worker inherits.
 */
export function placeEnv(
  use: DeviceUse,
  env: (name: string) => string | undefined,
): Record<string, string> {
  return { ...visibilityEnv(use.device, env), ...(use.share < 1 ? shareEnv(use) : {}) };
}

function visibilityEnv(
  { kind, index, uuid, mig }: Device,
  env: (name: string) => string | undefined,
): Record<string, string> {
  const number = String(index);
  switch (kind) {
    case "cuda":
      return {
        // The order of nvidia-smi; by default CUDA puts the fastest device first.
        CUDA_DEVICE_ORDER: "PCI_BUS_ID",
        CUDA_VISIBLE_DEVICES: mig === null ? number : uuid ?? number,
      };
    case "rocm":
      // ROCR_VISIBLE_DEVICES renumbers the devices before HIP counts them. The worker inherits that
      // of the host, so it gets one in which its device is the first.
      return env("ROCR_VISIBLE_DEVICES") === undefined
        ? { HIP_VISIBLE_DEVICES: number }
        : { ROCR_VISIBLE_DEVICES: number, HIP_VISIBLE_DEVICES: "0" };
    case "xpu":
      // The number of xpu-smi is that of a card; by default, Level Zero counts the tiles of cards.
      return { ZE_FLAT_DEVICE_HIERARCHY: "COMPOSITE", ZE_AFFINITY_MASK: number };
    case "mps":
      return {};
    case "cpu":
      return { CUDA_VISIBLE_DEVICES: "-1", HIP_VISIBLE_DEVICES: "-1", JAX_PLATFORMS: "cpu" };
  }
}

/** By default, JAX and TensorFlow take nearly all memory of a device at once. */
function shareEnv({ device, memoryFraction }: DeviceUse): Record<string, string> {
  if (device.kind === "cpu") return {};
  // Rounded down; 0.29 * 100 is a little less than 29.
  const hundredths = Math.floor(memoryFraction * 100 + 1e-9);
  return {
    XLA_PYTHON_CLIENT_MEM_FRACTION: (hundredths / 100).toFixed(2),
    XLA_PYTHON_CLIENT_PREALLOCATE: "false",
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
  };
}
