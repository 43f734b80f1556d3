import { randomBytes } from "node:crypto";
import { BridgeServer } from "../../src/bridge/mod.ts";
import type { Config, PoolConfig, SizedConfig } from "../../src/config/mod.ts";
import { messageOf, SnakedenError } from "../../src/errors.ts";
import { type LauncherParts, pythonChoices, workerLauncher } from "../../src/host/mod.ts";
import { ensurePythons } from "../../src/python_env/mod.ts";
import { type ToolInfo, toolInfo } from "../../src/tools/mod.ts";

/** The time that `teardown()` of an adapter may take. */
const TEARDOWN_MS = 5_000;

/** Options of {@link poolTools}. */
export interface PoolToolsOptions {
  /** Called with lines about the preparation. */
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Lists the tools of all pools, in the order of the configuration. Starts one worker for each
 * different set of adapters, one after the other. They get no device: listing tools needs none.
 *
 * @throws {SnakedenError} If a Python or an adapter cannot be loaded; names the adapter.
 */
export async function poolTools(
  config: Config,
  { onProgress, signal }: PoolToolsOptions,
): Promise<ToolInfo[]> {
  using pythons = await ensurePythons(pythonChoices(config), { ...config, onProgress, signal });
  const pools = config.pools.map((pool) => ({ ...pool, size: 1 }));
  const runDirectory = await Deno.makeTempDir({ prefix: "snakeden-types-" });
  try {
    const carriers = pools.map(({ carrier }) => carrier);
    await using bridge = await BridgeServer.listen(runDirectory, { carriers });
    const runId = randomBytes(16).toString("hex");
    const sized: SizedConfig = { ...config, pools };
    const parts = { config: sized, runId, runDirectory, bridge, pythons };
    const known = new Map<string, Awaited<ReturnType<typeof toolsOf>>>();
    const tools: ToolInfo[] = [];
    for (const pool of pools) {
      const key = adapterKey(pool);
      const found = known.get(key) ?? await toolsOf(pool, parts, signal);
      known.set(key, found);
      tools.push(...found.map((it) => toolInfo(it, pool.name)));
    }
    return tools;
  } finally {
    await Deno.remove(runDirectory, { recursive: true });
  }
}

/** Returns a text that is equal for pools with the same tools. */
function adapterKey({ adapter, expose, modulePaths, profile, python, env }: PoolConfig): string {
  return JSON.stringify([adapter, expose, modulePaths, profile, python, env]);
}

async function toolsOf(
  pool: PoolConfig,
  parts: LauncherParts,
  signal: AbortSignal,
): Promise<Parameters<typeof toolInfo>[0][]> {
  const workerId = `${pool.name}-1`;
  const events = { onLog: (): void => {}, onClosed: (): void => {} };
  try {
    const { link, ready, process, progress } = await workerLauncher(pool, parts).launch(
      { workerId, incarnation: `${workerId}.types`, events, onLine: () => {} },
      signal,
    );
    // A worker that gets SIGTERM alone waits 2 s for calls that may be on their way.
    link.stop();
    await process.terminate(TEARDOWN_MS);
    progress?.[Symbol.dispose]();
    return ready.tools;
  } catch (error) {
    signal.throwIfAborted();
    const adapter = [pool.adapter].flat().join(", ");
    throw new SnakedenError(
      "startup_failed",
      `Cannot load the adapter ${adapter} of the pool ${pool.name}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
