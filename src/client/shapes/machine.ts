/** The kind of a device, in the order in which `auto` prefers them. */
export type DeviceKind = "cuda" | "rocm" | "mps" | "xpu" | "cpu";

/** An accelerator, a part of one, or the processor. What is unknown is null, never 0. */
export interface Device {
  /** The id by which pools choose it: `cuda:0`, `rocm:1`, `mps`, `xpu:0`, `cpu`. */
  readonly id: string;
  readonly kind: DeviceKind;
  /** The number in the vendor's tool; 0 for `mps` and `cpu`. */
  readonly index: number;
  /** The vendor's unique id; null for callers without rights. */
  readonly uuid: string | null;
  /** The product name, such as `NVIDIA L4`. */
  readonly name: string;
  /** The architecture, such as `8.9`, `gfx90a` or `metal3`. */
  readonly arch: string | null;
  /** The memory of the device. */
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

/** The processor. */
export interface CpuInfo {
  /** The product name; null if unknown. */
  readonly model: string | null;
  /** The vendor; null if unknown. */
  readonly vendor: string | null;
  /** Cores of all sockets, without hyper-threads; null if unknown. */
  readonly physicalCores: number | null;
  /** Hardware threads of the machine; null if unknown. */
  readonly logicalCores: number | null;
  /** Hardware threads that the host may use, by its affinity and its quota. */
  readonly usableCores: number;
  /** Instruction sets that matter to numeric libraries, such as `avx2` or `neon`. */
  readonly features: readonly string[];
}

/** The memory of the machine. */
export interface MemoryInfo {
  /** The memory of the machine; null if unknown. */
  readonly totalBytes: number | null;
  /** The memory that could be allocated now without swapping; null if unknown. */
  readonly availableBytes: number | null;
  /** The limit of the host's container or group; null if there is none. */
  readonly limitBytes: number | null;
}

/** Something that could not be found out. */
export interface HardwareProblem {
  /** The probe, such as `nvidia-smi` or `cpu`. */
  readonly probe: string;
  /** `missing`: no such tool, as on most machines; `denied`: a permission is missing. */
  readonly what: "missing" | "failed" | "timeout" | "unreadable" | "denied";
  /** The problem, for a person. */
  readonly text: string;
}

/** The hardware of the machine of the host. */
export interface HardwareInfo {
  /** The name of the machine; null for callers without rights. */
  readonly hostname: string | null;
  /** The operating system and the processor's architecture, such as `linux-x86_64`. */
  readonly platform: string;
  readonly cpu: CpuInfo;
  readonly memory: MemoryInfo;
  /** The devices, in the order cuda, rocm, mps, xpu, cpu; the processor is always the last. */
  readonly devices: readonly Device[];
  /** The facts that could not be found out. */
  readonly problems: readonly HardwareProblem[];
}

/** Options of a detection of the hardware. */
export interface DetectOptions {
  /** True to ask everything again, at most once a second. */
  readonly refresh?: boolean;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}
