import { type ProfileName, profileOf, type ProfileSettings } from "../profiles/mod.ts";

/**
 * The variables by which numeric libraries take their number of threads. onnxruntime reads none:
 * docs/adapters.md says how it is told.
 */
const THREAD_COUNTS: readonly string[] = [
  // PyTorch, scikit-learn, pyarrow, and most code that is compiled with OpenMP
  "OMP_NUM_THREADS",
  // NumPy and SciPy, by the library that they are built with
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "BLIS_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "NUMBA_NUM_THREADS",
  // Libraries written in Rust, such as tokenizers
  "RAYON_NUM_THREADS",
  "POLARS_MAX_THREADS",
  "OPENCV_FOR_THREADS_NUM",
  "TF_NUM_INTRAOP_THREADS",
  "TF_NUM_INTEROP_THREADS",
];

/** Returns the variables that give each numeric library this number of threads. */
export function threadEnv(threads: number): Record<string, string> {
  return {
    ...Object.fromEntries(THREAD_COUNTS.map((name) => [name, String(threads)])),
    // tokenizers warns in processes that fork, unless this is set.
    TOKENIZERS_PARALLELISM: String(threads > 1),
  };
}

/** The settings of a pool that decide the threads of its workers. */
export interface ThreadNeeds extends ProfileSettings {
  readonly name: string;
  /** The number of workers. */
  readonly size: number;
  readonly libraryThreads: number | "auto";
  /** Default `process`. */
  readonly profile?: ProfileName;
}

/**
 * Returns the threads that each library may use in a worker of each pool. `auto` shares the cores
 * that the pools with a number leave, equally among the workers of all pools with `auto`: even if
 * all workers run at the same time, they do not want more cores than there are. A worker counts
 * once for each call that it runs on a thread of its own.
 */
export function libraryThreads(
  pools: readonly ThreadNeeds[],
  usableCores: number,
): ReadonlyMap<string, number> {
  let [left, sharers] = [usableCores, 0];
  for (const pool of pools) {
    const { libraryThreads: wanted } = pool;
    const runners = pool.size * threadsOf(pool);
    if (wanted === "auto") sharers += runners;
    else left -= runners * wanted;
  }
  const share = Math.max(1, Math.floor(left / sharers));
  return new Map(
    pools.map(({ name, libraryThreads: wanted }) => [name, wanted === "auto" ? share : wanted]),
  );
}

/** Returns the threads on which a worker runs calls at the same time. */
function threadsOf({ profile = "process", ...settings }: ThreadNeeds): number {
  return profile === "thread" ? profileOf({ ...settings, profile }).capacity : 1;
}
