import { randomBytes } from "node:crypto";
import { BridgeServer } from "../../src/bridge/mod.ts";
import type { Config, PoolConfig } from "../../src/config/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { type LauncherParts, workerLauncher } from "../../src/host/mod.ts";
import type { PoolPythons } from "../../src/python_env/mod.ts";
import type { Finding } from "./finding.ts";

/** The time that `teardown()` of an adapter may take. */
const TEARDOWN_MS = 5_000;

/** Starts one worker of each pool that has a Python, as a host does, and lists its tools. */
export async function adapterFindings(
  pythons: PoolPythons,
  config: Config,
): Promise<Finding[]> {
  const pools = config.pools.filter(({ name }) => pythons.has(name));
  if (pools.length === 0) return [];
  const runDirectory = await Deno.makeTempDir({ prefix: "snakeden-doctor-" });
  try {
    const carriers = pools.map(({ carrier }) => carrier);
    await using bridge = await BridgeServer.listen(runDirectory, { carriers });
    const runId = randomBytes(16).toString("hex");
    const parts = { config, runId, runDirectory, bridge, pythons };
    const findings: Finding[] = [];
    for (const pool of pools) findings.push(await adapterFinding(pool, parts));
    return findings;
  } finally {
    await Deno.remove(runDirectory, { recursive: true });
  }
}

async function adapterFinding(pool: PoolConfig, parts: LauncherParts): Promise<Finding> {
  const name = `adapter of ${pool.name}`;
  const adapter = [pool.adapter].flat().join(", ");
  try {
    const tools = await toolsOf(pool, parts);
    if (tools.length > 0) {
      return { name, state: "ok", text: `${adapter}: ${tools.sort().join(", ")}` };
    }
    return { name, state: "warning", text: `${adapter} offers no tool` };
  } catch (error) {
    return {
      name,
      state: "error",
      text: `${adapter}: ${messageOf(error)}`,
      mend: "see docs/adapters.md; `modulePaths` of the pool says where its modules are looked for",
    };
  }
}

async function toolsOf(pool: PoolConfig, parts: LauncherParts): Promise<string[]> {
  const events = { onLog: (): void => {}, onClosed: (): void => {} };
  const workerId = `${pool.name}-1`;
  const { ready, process, progress } = await workerLauncher(pool, parts).launch(
    { workerId, incarnation: `${workerId}.doctor`, events, onLine: () => {} },
    new AbortController().signal,
  );
  await process.terminate(TEARDOWN_MS);
  progress?.[Symbol.dispose]();
  return ready.tools.map((it) => it.name);
}
