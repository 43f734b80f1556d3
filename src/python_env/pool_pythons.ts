import { createHash } from "node:crypto";
import { Semaphore } from "../async/mod.ts";
import { messageOf, SnakedenError } from "../errors.ts";
import { type EnsurePythonDeps, environmentRoot, openTarget } from "./ensure_python.ts";
import { environmentError } from "./environment_error.ts";
import { hostEnv } from "./installers/mod.ts";
import type { OpenOptions, PythonEnvironment } from "./python_environment.ts";
import { pythonSource } from "./python_source.ts";
import { type PythonChoice, type PythonTarget, readTarget } from "./python_target.ts";

/** The number of environments that are built at the same time. */
const SIDE_BY_SIDE = 4;
/** The number of pools that a line of progress names. */
const SHOWN_POOLS = 3;

/** The choice of one pool. */
export interface PoolChoice extends PythonChoice {
  readonly pool: string;
}

/** A Python to open, and the pools that share it. */
export interface PythonPlan {
  readonly pools: readonly string[];
  /**
   * Opens the Python; builds it if needed.
   *
   * @throws {SnakedenError} `python_environment`, which names the pools if there are other plans;
   * the reason of the signal when it aborts.
   */
  open(options: OpenOptions): Promise<PythonEnvironment>;
}

/** A target, or the reason why a choice cannot be read. */
type Reading = PythonTarget | { readonly error: unknown };

/** Options of {@link planPythons}. */
export interface PlanOptions {
  /** Private environments are in `<dataDir>/python`. */
  readonly dataDir: string;
}

/**
 * Groups pools that share a Python: those that name the same interpreter, or whose requirements
 * have the same content, wherever the files are. Starts no process. A choice that cannot be read
 * becomes a plan that fails.
 */
export async function planPythons(
  choices: readonly PoolChoice[],
  { dataDir }: PlanOptions,
  deps: EnsurePythonDeps = {},
): Promise<PythonPlan[]> {
  const sources = { source: deps.source ?? pythonSource(), host: deps.env ?? hostEnv() };
  const readings = new Map<string, Promise<Reading>>();
  const groups = new Map<string, { readonly pools: string[]; readonly target: Reading }>();
  for (const { pool, executable, requirements } of choices) {
    const text = JSON.stringify([executable, requirements]);
    const reading = readings.get(text) ??
      readTarget({ executable, requirements }, sources).catch((error: unknown) => ({ error }));
    readings.set(text, reading);
    const target = await reading;
    const id = "error" in target ? text : `${target.kind} ${target.id}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, { pools: [pool], target });
    else group.pools.push(pool);
  }
  const root = environmentRoot(dataDir);
  const set = setOf([...groups.values()].map(({ target }) => target));
  const alone = groups.size === 1;
  return [...groups.values()].map(({ pools, target }): PythonPlan => ({
    pools,
    open: async ({ onProgress, signal }) => {
      try {
        signal?.throwIfAborted();
        if ("error" in target) throw target.error;
        return await openTarget(target, {
          root,
          set,
          signal,
          onProgress: alone ? onProgress : prefixed(pools, onProgress),
        });
      } catch (error) {
        throw alone || signal?.aborted ? error : failureOf(pools, error);
      }
    },
  }));
}

/**
 * Returns the id of the set of environments that a program uses together. The id of a single
 * environment is its key.
 */
function setOf(targets: readonly Reading[]): string {
  const keys = targets.flatMap((it) => "kind" in it && it.kind === "private" ? [it.id] : []);
  if (keys.length === 1) return keys[0] ?? "";
  return createHash("sha256").update(keys.sort().join(" ")).digest("hex").slice(0, 32);
}

function prefixed(
  pools: readonly string[],
  onProgress: OpenOptions["onProgress"],
): OpenOptions["onProgress"] {
  if (onProgress === undefined) return undefined;
  const others = pools.length - SHOWN_POOLS;
  const names = pools.slice(0, SHOWN_POOLS).join(", ") + (others > 0 ? ` and ${others} more` : "");
  return (line) => onProgress(`[${names}] ${line}`);
}

function failureOf(pools: readonly string[], error: unknown): unknown {
  if (!(error instanceof SnakedenError)) return error;
  const names = `pool${pools.length === 1 ? "" : "s"} ${pools.join(", ")}`;
  const reason = messageOf(error).replace(/^C(?=annot )/, "c");
  return environmentError(
    `Cannot prepare the Python of ${names}: ${reason}`,
    { ...error.details, pools },
    error,
  );
}

/** A Python that is open, and the pools that share it. */
export interface SharedPython {
  readonly pools: readonly string[];
  readonly python: PythonEnvironment;
}

/** The Pythons of all pools. Disposing ends their use. */
export class PoolPythons implements Disposable {
  readonly list: readonly SharedPython[];

  constructor(list: readonly SharedPython[]) {
    this.list = list;
  }

  /** Returns true if this has the Python of a pool. */
  has(pool: string): boolean {
    return this.#find(pool) !== undefined;
  }

  /**
   * Returns the Python of a pool.
   *
   * @throws {RangeError} If {@link PoolPythons.has} returns false.
   */
  of(pool: string): PythonEnvironment {
    const found = this.#find(pool);
    if (found === undefined) throw new RangeError(`pool ${pool} has no Python`);
    return found.python;
  }

  #find(pool: string): SharedPython | undefined {
    return this.list.find(({ pools }) => pools.includes(pool));
  }

  [Symbol.dispose](): void {
    for (const { python } of this.list) python.release();
  }
}

/**
 * Opens the Pythons of all pools, and builds missing environments side by side. Pools whose choices
 * have the same content share one. If one fails, the other builds are stopped, and no half-built
 * environment stays.
 *
 * @throws {SnakedenError} `python_environment`: the first failure, which names its pools. The
 * reason of the signal when it aborts.
 */
export async function ensurePythons(
  choices: readonly PoolChoice[],
  options: PlanOptions & OpenOptions,
  deps: EnsurePythonDeps = {},
): Promise<PoolPythons> {
  options.signal?.throwIfAborted();
  const plans = await planPythons(choices, options, deps);
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const room = new Semaphore(SIDE_BY_SIDE);
  const results = await Promise.allSettled(plans.map(({ pools, open }) =>
    room.enter(async () => {
      try {
        return { pools, python: await open({ onProgress: options.onProgress, signal }) };
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    })
  ));
  const opened = results.flatMap((it) => it.status === "fulfilled" ? [it.value] : []);
  const pythons = new PoolPythons(opened);
  if (opened.length === results.length) return pythons;
  pythons[Symbol.dispose]();
  options.signal?.throwIfAborted();
  throw failed.signal.reason;
}
