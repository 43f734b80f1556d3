/** The kind of a device, in the order in which `auto` prefers them. */
export type DeviceKind = "cuda" | "rocm" | "mps" | "xpu" | "cpu";

/** All kinds, the preferred ones first. */
export const DEVICE_KINDS: readonly DeviceKind[] = ["cuda", "rocm", "mps", "xpu", "cpu"];

/** An accelerator, a part of one, or the processor. What is unknown is null, never 0. */
export interface Device {
  /**
   * The id by which pools choose it: `cuda:0`, `rocm:1`, `mps`, `xpu:0`, `cpu`; `cuda:0:1` for a
   * MIG instance of `cuda:0`. The number is that of the vendor's tool, in the order of the PCI bus.
   */
  readonly id: string;
  /** The kind of the device. */
  readonly kind: DeviceKind;
  /** The number in the vendor's tool; for a MIG instance that of its GPU, 0 for `mps` and `cpu`. */
  readonly index: number;
  /** The vendor's unique id, such as `GPU-...` or `MIG-...`. */
  readonly uuid: string | null;
  /** The product name, such as `NVIDIA L4`. */
  readonly name: string;
  /** The architecture, such as `8.9`, `gfx90a` or `metal3`. */
  readonly arch: string | null;
  /** The memory of the device; null if unknown, or if it is the machine's (see `unified`). */
  readonly memoryBytes: number | null;
  /** The memory that is free now. */
  readonly freeBytes: number | null;
  /** True if the device shares the memory of the machine. */
  readonly unified: boolean;
  /** The version of the driver. */
  readonly driver: string | null;
  /** The newest version of CUDA or ROCm that the driver supports. */
  readonly runtime: string | null;
  /** The share of time in which it was busy, 0 to 1. */
  readonly utilization: number | null;
  /** Its temperature, in degrees Celsius. */
  readonly temperatureCelsius: number | null;
  /** The power that it draws, in watts. */
  readonly powerWatts: number | null;
  /** The profile of a MIG instance, such as `1g.12gb`, and the id of its GPU; null for others. */
  readonly mig: { readonly profile: string; readonly parent: string } | null;
  /** False if a variable of the host, such as `CUDA_VISIBLE_DEVICES`, hides it. */
  readonly visible: boolean;
  /** `unhealthy` while its workers crash too often. */
  readonly health: "healthy" | "unhealthy";
}
