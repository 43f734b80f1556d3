/**
 * `deno task doctor [--json]` checks everything that a start needs, and says how to cure each
 * fault. It exits with 1 if the server could not start. Like a first start, it builds the Python
 * environments that are missing.
 */
import { loadConfig, type SizedConfig } from "../src/config/mod.ts";
import { Hardware, type HardwareInfo, type HardwareSource } from "../src/hardware/mod.ts";
import { libraryThreads, workerEnv } from "../src/pool/mod.ts";
import { packagePath } from "../src/python_env/mod.ts";
import { checkAdapters } from "./doctor/adapters.ts";
import { type Finding, findingOf, tableOf } from "./doctor/finding.ts";
import {
  coresFinding,
  hardwareFindings,
  memoryNeedFinding,
  unusedDevicesFindings,
} from "./doctor/hardware.ts";
import { hostToolsFindings } from "./doctor/host_tools.ts";
import { librariesFindings, librariesOf } from "./doctor/libraries.ts";
import {
  dataDirFinding,
  denoFinding,
  fileLimitFinding,
  initFinding,
  leftoverFinding,
  portFinding,
  socketPathFinding,
} from "./doctor/machine.ts";
import { placePoolsOf } from "./doctor/placement.ts";
import { openPythons } from "./doctor/python.ts";
import { sharedMemoryFinding } from "./doctor/shared_memory.ts";
import { storeFindings } from "./doctor/store.ts";

/** Returns all findings, in the order in which they should be cured. */
export async function examine(hardware: HardwareSource): Promise<Finding[]> {
  const findings: Finding[] = [await denoFinding()];
  const loaded = await findingOf(findings, "configuration", async () => {
    const value = await loadConfig();
    const pools = value.pools.map(({ name, size, adapter }) =>
      `${name} (${size === undefined ? "" : `${size} x `}${[adapter].flat().join(" + ")})`
    );
    return { value, text: `pools: ${pools.join(", ")}` };
  });
  if (loaded === null) return findings;
  findings.push(...await hostToolsFindings(loaded));
  const info = await hardware.detect();
  findings.push(...hardwareFindings(info));
  const config = await placePoolsOf(loaded, hardware, findings);
  const { dataDir, pools } = config;
  findings.push(await dataDirFinding(dataDir));
  findings.push(...await storeFindings(dataDir));
  findings.push(...await poolFindings(config, info));
  findings.push(
    socketPathFinding(dataDir),
    await sharedMemoryFinding(dataDir, pools, { memory: info.memory }),
    portFinding(config.host, config.port),
    await fileLimitFinding(pools.reduce((sum, it) => sum + it.size, 0)),
    await initFinding(),
    await leftoverFinding(),
  );
  return findings;
}

/** Checks the Python, the libraries and the adapters of all pools, and their needs together. */
async function poolFindings(config: SizedConfig, info: HardwareInfo): Promise<Finding[]> {
  const findings: Finding[] = [];
  using pythons = await openPythons(config, findings);
  const adapters = await checkAdapters(pythons, config);
  findings.push(...adapters.findings);
  const threadsOf = libraryThreads(config.pools, info.cpu.usableCores);
  const needs = config.pools.map((pool) => ({
    ...pool,
    threads: threadsOf.get(pool.name) ?? 1,
    rssBytes: adapters.rssBytes.get(pool.name),
  }));
  for (const pool of needs.filter(({ name }) => pythons.has(name))) {
    const env = workerEnv({ ...pool, runId: "doctor", packagePath: packagePath() });
    const ask = (): ReturnType<typeof librariesOf> =>
      librariesOf(pythons.of(pool.name).executable, env);
    findings.push(...await librariesFindings(pool, ask, info));
  }
  return [
    ...findings,
    coresFinding(needs, info),
    memoryNeedFinding(needs, info),
    ...unusedDevicesFindings(info, config.pools),
  ];
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((it) => it !== "--json");
  if (unknown.length > 0) {
    console.error(`unknown option ${unknown.join(" ")}\nusage: deno task doctor [--json]`);
    return 2;
  }
  await using hardware = new Hardware();
  const findings = await examine(hardware);
  console.log(args.includes("--json") ? JSON.stringify(findings, null, 2) : tableOf(findings));
  return findings.some((it) => it.state === "error") ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
