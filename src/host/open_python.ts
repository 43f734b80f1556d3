import type { Config } from "../config/mod.ts";
import { ensurePythons, type PoolChoice, type PoolPythons } from "../python_env/mod.ts";

/** Options of {@link openPythons}. */
export interface OpenPythonsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onSetupProgress?: ((line: string) => void) | undefined;
}

/**
 * Opens the Python of each pool; builds environments side by side if needed.
 *
 * @throws {SnakedenError} `python_environment`.
 */
export async function openPythons(
  config: Pick<Config, "dataDir" | "python" | "pools">,
  { signal, onSetupProgress }: OpenPythonsOptions,
): Promise<PoolPythons> {
  const { dataDir } = config;
  return await ensurePythons(pythonChoices(config), {
    dataDir,
    signal,
    onProgress: onSetupProgress,
  });
}

/** Returns the choice of each pool: its own `python`, or the one at the top. */
export function pythonChoices({ python, pools }: Pick<Config, "python" | "pools">): PoolChoice[] {
  return pools.map(({ name, python: own }) => ({ pool: name, ...(hasPython(own) ? own : python) }));
}

/** Returns true if a pool chooses its own Python, by an interpreter or by requirements. */
export function hasPython(own: Config["pools"][number]["python"]): boolean {
  return own?.executable !== undefined || own?.requirements !== undefined;
}
