/**
 * `deno task doctor [--json]` checks everything that a start needs, and says how to cure each
 * fault. It exits with 1 if the server could not start. Like a first start, it builds the Python
 * environments that are missing.
 */
import { type Config, loadConfig } from "../src/config/mod.ts";
import { adapterFindings } from "./doctor/adapters.ts";
import { type Finding, findingOf, tableOf } from "./doctor/finding.ts";
import {
  dataDirFinding,
  denoFinding,
  fileLimitFinding,
  initFinding,
  leftoverFinding,
  portFinding,
  sharedMemoryFinding,
  socketPathFinding,
} from "./doctor/machine.ts";
import { openPythons } from "./doctor/python.ts";
import { storeFindings } from "./doctor/store.ts";

/** Returns all findings, in the order in which they should be cured. */
export async function examine(): Promise<Finding[]> {
  const findings: Finding[] = [await denoFinding()];
  const config = await findingOf(findings, "configuration", async () => {
    const loaded = await loadConfig();
    const pools = loaded.pools.map(({ name, size, adapter }) =>
      `${name} (${size} x ${[adapter].flat().join(" + ")})`
    );
    return { value: loaded, text: `pools: ${pools.join(", ")}` };
  });
  if (config === null) return findings;
  findings.push(await dataDirFinding(config.dataDir));
  findings.push(...await storeFindings(config.dataDir));
  findings.push(...await pythonFindings(config));
  findings.push(
    socketPathFinding(config.dataDir),
    await sharedMemoryFinding(),
    portFinding(config.host, config.port),
    await fileLimitFinding(config.pools.reduce((sum, it) => sum + (it.size ?? 0), 0)),
    await initFinding(),
    await leftoverFinding(),
  );
  return findings;
}

async function pythonFindings(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  using pythons = await openPythons(config, findings);
  return [...findings, ...await adapterFindings(pythons, config)];
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((it) => it !== "--json");
  if (unknown.length > 0) {
    console.error(`unknown option ${unknown.join(" ")}\nusage: deno task doctor [--json]`);
    return 2;
  }
  const findings = await examine();
  console.log(args.includes("--json") ? JSON.stringify(findings, null, 2) : tableOf(findings));
  return findings.some((it) => it.state === "error") ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
