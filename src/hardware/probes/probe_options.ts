import { Semaphore } from "../../async/mod.ts";
import type { ReadEnv } from "../../config/mod.ts";
import { readVariable } from "../../granted.ts";
import type { Device } from "../device.ts";
import type { HardwareProblem } from "../hardware_info.ts";

/** The devices that the tools of the vendors name, and what they could not tell. */
export interface ProbeResult {
  readonly devices: readonly Device[];
  readonly problems: readonly HardwareProblem[];
}

/** Options of the probes. */
export interface ProbeOptions {
  /** The time that each run of a tool may take, in milliseconds; 3,000 if omitted. */
  readonly limitMs?: number;
  /** Reads a variable of the host; default: those that the program may read. */
  readonly env?: ReadEnv;
  /** The operating system; default: that of this machine. */
  readonly os?: typeof Deno.build.os;
  /** Folders in which tools are looked for after PATH; default: where vendors install them. */
  readonly folders?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** {@link ProbeOptions} with their defaults. */
export interface FullProbeOptions {
  readonly limitMs: number;
  readonly env: ReadEnv;
  readonly os: typeof Deno.build.os;
  readonly folders: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Starting a program holds the event loop for a moment, so each turn of it starts one. */
  readonly starts: Semaphore;
}

const DEFAULT_LIMIT_MS = 3_000;

/** WSL, containers of NVIDIA's GPU operator, and ROCm. Their folders are often not on PATH. */
const VENDOR_FOLDERS: readonly string[] = [
  "/usr/lib/wsl/lib",
  "/usr/local/nvidia/bin",
  "/opt/rocm/bin",
];

/** Returns the options with their defaults. */
export function withDefaults(options: ProbeOptions): FullProbeOptions {
  const env = options.env ?? readVariable;
  const rocm = env("ROCM_PATH") ?? "";
  return {
    limitMs: options.limitMs ?? DEFAULT_LIMIT_MS,
    env,
    os: options.os ?? Deno.build.os,
    folders: options.folders ?? [...(rocm === "" ? [] : [`${rocm}/bin`]), ...VENDOR_FOLDERS],
    signal: options.signal,
    starts: new Semaphore(1),
  };
}
