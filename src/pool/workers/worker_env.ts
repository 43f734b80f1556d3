import { delimiter } from "node:path";
import { readVariable } from "../../granted.ts";
import { PROGRAM_ENV, WORKER_ENV } from "../../process/mod.ts";
import { threadEnv } from "./thread_env.ts";

/**
 * The variables of the host that workers see by default: those that any program may see, and those
 * by which a Python program finds its locale, its data and its devices, and by which libraries are
 * made to work on a machine. docs/library.md lists them.
 */
export const INHERITED_ENV: readonly string[] = [
  ...PROGRAM_ENV,
  "TZ",
  "LC_NUMERIC",
  "LC_TIME",
  "XDG_DATA_HOME",
  "CUDA_HOME",
  "CUDA_PATH",
  "CUDA_VISIBLE_DEVICES",
  "CUDA_DEVICE_ORDER",
  "NVIDIA_VISIBLE_DEVICES",
  "ROCM_PATH",
  "HIP_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "HSA_OVERRIDE_GFX_VERSION",
  "ZE_AFFINITY_MASK",
  "ONEAPI_DEVICE_SELECTOR",
  // Without these, OpenBLAS crashes or computes wrong results on some processors.
  "OPENBLAS_CORETYPE",
  "OPENBLAS_L2_SIZE",
  "TORCH_HOME",
  "PYTORCH_ALLOC_CONF",
  "PYTORCH_CUDA_ALLOC_CONF",
  "PYTORCH_NVML_BASED_CUDA_CHECK",
  "XLA_FLAGS",
  "JAX_PLATFORMS",
  "HF_HOME",
  "HF_HUB_CACHE",
  "HF_HUB_OFFLINE",
  "TRANSFORMERS_OFFLINE",
];

/** The sources of the environment of a worker. */
export interface WorkerEnvOptions {
  readonly runId: string;
  /** The folder of the Python package `snakeden`. */
  readonly packagePath: string;
  /** Names of further variables of the host that workers see. */
  readonly inheritEnv: readonly string[];
  /** The threads that each numeric library may use. */
  readonly threads: number;
  /** Variables that override all others, except those that a worker needs. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the environment of a worker, without what the launcher adds for each one. */
export function workerEnv(options: WorkerEnvOptions): Record<string, string> {
  const { inheritEnv, packagePath, runId } = options;
  const env: Record<string, string> = {
    ...inherited(INHERITED_ENV),
    ...threadEnv(options.threads),
    PYTHONNOUSERSITE: "1",
    ...inherited(inheritEnv),
    ...options.env,
  };
  return {
    ...env,
    PYTHONPATH: joinPath(packagePath, env.PYTHONPATH ?? ""),
    [WORKER_ENV.runId]: runId,
  };
}

function inherited(names: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names) {
    const value = readVariable(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Joins paths without empty entries, as in `/lib:`, which Python reads as the working folder. */
function joinPath(first: string, others: string): string {
  return [first, ...others.split(delimiter).filter((it) => it !== "")].join(delimiter);
}
