/**
 * `deno task doctor [--json]` checks everything that a start needs, and says how to cure each
 * fault. It exits with 1 if the server could not start. Like a first start, it builds the Python
 * environments that are missing.
 *
 * `deno task doctor --compat` says instead which installed libraries suit the profile of each pool,
 * and `--compat all` shows the whole table.
 */
import { loadConfig, type SizedConfig } from "../src/config/mod.ts";
import { Hardware, type HardwareInfo, type HardwareSource } from "../src/hardware/mod.ts";
import { libraryThreads, workerEnv } from "../src/pool/mod.ts";
import { packagePath } from "../src/python_env/mod.ts";
import { checkAdapters } from "./doctor/adapters.ts";
import {
  compatFindings,
  compatText,
  type PoolCompat,
  poolCompat,
  pythonOf,
  tableText,
} from "./doctor/compat.ts";
import { type Finding, findingOf, tableOf } from "./doctor/finding.ts";
import {
  coresFinding,
  hardwareFindings,
  memoryNeedFinding,
  unusedDevicesFindings,
} from "./doctor/hardware.ts";
import { hostToolsFindings } from "./doctor/host_tools.ts";
import { librariesFindings, librariesOf } from "./doctor/libraries.ts";
import { LIBRARIES } from "./doctor/library_table.ts";
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
    const { executable } = pythons.of(pool.name);
    findings.push(
      ...await librariesFindings(pool, () => librariesOf(executable, env), info),
      ...await compatFindings(pool, () => pythonOf(executable, env)),
    );
  }
  return [
    ...findings,
    coresFinding(needs, info),
    memoryNeedFinding(needs, info),
    ...unusedDevicesFindings(info, config.pools),
  ];
}

/** Asks the Python of each pool which libraries it has. Returns null if that cannot be done. */
async function compatOfPools(findings: Finding[]): Promise<PoolCompat[] | null> {
  const config = await findingOf(findings, "configuration", async () => {
    const value = await loadConfig();
    return { value, text: "read" };
  });
  if (config === null) return null;
  using pythons = await openPythons(config, findings);
  const pools: PoolCompat[] = [];
  for (const pool of config.pools.filter(({ name }) => pythons.has(name))) {
    const env = workerEnv({ ...pool, threads: 1, runId: "doctor", packagePath: packagePath() });
    const found = await findingOf(findings, `libraries of ${pool.name}`, async () => {
      const value = await pythonOf(pythons.of(pool.name).executable, env);
      return { value, text: "read" };
    });
    if (found !== null) pools.push(poolCompat(pool, found));
  }
  return pools.length === config.pools.length ? pools : null;
}

async function showCompat(
  { all, json }: { readonly all: boolean; readonly json: boolean },
): Promise<number> {
  if (all) {
    console.log(json ? JSON.stringify({ libraries: LIBRARIES }, null, 2) : tableText());
    return 0;
  }
  const findings: Finding[] = [];
  const pools = await compatOfPools(findings);
  if (pools === null) {
    const errors = findings.filter((it) => it.state === "error");
    console.error(json ? JSON.stringify(errors, null, 2) : tableOf(errors));
    return 1;
  }
  console.log(json ? JSON.stringify({ pools }, null, 2) : pools.map(compatText).join("\n\n"));
  return 0;
}

const USAGE = "usage: deno task doctor [--compat [all]] [--json]";

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes("--json");
  const [first, ...rest] = args.filter((it) => it !== "--json");
  if (first === "--compat" && rest.every((it, i) => i === 0 && it === "all")) {
    return await showCompat({ all: rest.length > 0, json });
  }
  if (first !== undefined) {
    console.error(`unknown option ${first === "--compat" ? rest.join(" ") : first}\n${USAGE}`);
    return 2;
  }
  await using hardware = new Hardware();
  const findings = await examine(hardware);
  console.log(json ? JSON.stringify(findings, null, 2) : tableOf(findings));
  return findings.some((it) => it.state === "error") ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
