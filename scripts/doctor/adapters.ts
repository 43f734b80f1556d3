import { randomBytes } from "node:crypto";
import { BridgeServer } from "../../src/bridge/mod.ts";
import type { PoolConfig, SizedConfig } from "../../src/config/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { type LauncherParts, workerLauncher } from "../../src/host/mod.ts";
import type { PoolPythons } from "../../src/python_env/mod.ts";
import type { Finding } from "./finding.ts";
import { outputOf } from "./machine.ts";

/** The time that `teardown()` of an adapter may take. */
const TEARDOWN_MS = 5_000;

/** The results of the checks of the adapters. */
export interface AdapterResults {
  readonly findings: readonly Finding[];
  /** The resident memory of a worker of each pool whose adapter can be served. */
  readonly rssBytes: ReadonlyMap<string, number>;
}

/**
 * Starts one worker of each pool that has a Python, as a host does. Lists its tools, and measures
 * its memory.
 */
export async function checkAdapters(
  pythons: PoolPythons,
  config: SizedConfig,
): Promise<AdapterResults> {
  const pools = config.pools.filter(({ name }) => pythons.has(name));
  if (pools.length === 0) return { findings: [], rssBytes: new Map() };
  const runDirectory = await Deno.makeTempDir({ prefix: "snakeden-doctor-" });
  try {
    const carriers = pools.map(({ carrier }) => carrier);
    await using bridge = await BridgeServer.listen(runDirectory, { carriers });
    const runId = randomBytes(16).toString("hex");
    const parts = { config, runId, runDirectory, bridge, pythons };
    const findings: Finding[] = [];
    const rssBytes = new Map<string, number>();
    for (const pool of pools) findings.push(await adapterFinding(pool, { parts, rssBytes }));
    return { findings, rssBytes };
  } finally {
    await Deno.remove(runDirectory, { recursive: true });
  }
}

async function adapterFinding(
  pool: PoolConfig,
  { parts, rssBytes }: {
    readonly parts: LauncherParts;
    readonly rssBytes: Map<string, number>;
  },
): Promise<Finding> {
  const name = `adapter of ${pool.name}`;
  const adapter = [pool.adapter].flat().join(", ");
  try {
    const { bytes, tools } = await startOne(pool, parts);
    if (bytes !== undefined) rssBytes.set(pool.name, bytes);
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

async function startOne(
  pool: PoolConfig,
  parts: LauncherParts,
): Promise<{ readonly bytes: number | undefined; readonly tools: string[] }> {
  const events = { onLog: (): void => {}, onClosed: (): void => {} };
  const workerId = `${pool.name}-1`;
  const { link, ready, process, progress } = await workerLauncher(pool, parts).launch(
    { workerId, incarnation: `${workerId}.doctor`, events, onLine: () => {} },
    new AbortController().signal,
  );
  const bytes = await residentBytes(process.pid);
  // A worker that gets SIGTERM alone waits 2 s for calls that may be on their way.
  link.stop();
  await process.terminate(TEARDOWN_MS);
  progress?.[Symbol.dispose]();
  return { bytes, tools: ready.tools.map((it) => it.name) };
}

/** Returns the resident memory of a process; undefined if it has ended. */
async function residentBytes(pid: number): Promise<number | undefined> {
  const kib = Number(await outputOf("ps", ["-o", "rss=", "-p", String(pid)]));
  return kib > 0 ? kib * 1024 : undefined;
}
