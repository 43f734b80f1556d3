import { delimiter } from "node:path";
import { readVariable } from "../../granted.ts";
import { PROGRAM_ENV, WORKER_ENV } from "../../process/mod.ts";

/**
 * The variables of the host that workers see by default: those that any program may see, and those
 * by which a Python program finds its locale, its data and its devices.
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
  "NVIDIA_VISIBLE_DEVICES",
  "ROCM_PATH",
  "HIP_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "HF_HOME",
  "TORCH_HOME",
];

/**
 * The variables that give numeric libraries one thread. A process runs one call at a time, and must
 * not take every core for it.
 */
const ONE_THREAD: readonly string[] = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
];

/** The sources of the environment of a worker. */
export interface WorkerEnvOptions {
  readonly runId: string;
  /** The folder of the Python package `snakeden`. */
  readonly packagePath: string;
  /** Names of further variables of the host that workers see. */
  readonly inheritEnv: readonly string[];
  /** Variables that override all others, except those that a worker needs. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the environment of a worker, without what the launcher adds for each one. */
export function workerEnv(options: WorkerEnvOptions): Record<string, string> {
  const { inheritEnv, packagePath, runId } = options;
  const env: Record<string, string> = {
    ...inherited(INHERITED_ENV),
    ...Object.fromEntries(ONE_THREAD.map((name) => [name, "1"])),
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
