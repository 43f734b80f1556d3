import type { Device } from "./device.ts";

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
  /** Hardware threads that this process may use, by its affinity and its quota. */
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
  /** The limit of this process's container or group; null if there is none. */
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

/** The hardware of the machine, as this process may use it. */
export interface HardwareInfo {
  /** The name of the machine. */
  readonly hostname: string | null;
  /** The operating system and the processor's architecture, such as `linux-x86_64`. */
  readonly platform: string;
  /** The processor. */
  readonly cpu: CpuInfo;
  /** The memory. */
  readonly memory: MemoryInfo;
  /** The devices, in the order cuda, rocm, mps, xpu, cpu; the processor is always the last. */
  readonly devices: readonly Device[];
  /** The facts that could not be found out. */
  readonly problems: readonly HardwareProblem[];
}
