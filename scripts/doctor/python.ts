import type { Config } from "../../src/config/mod.ts";
import { pythonChoices } from "../../src/host/mod.ts";
import {
  missingImports,
  planPythons,
  PoolPythons,
  type PythonEnvironment,
  type PythonPlan,
  pythonSource,
} from "../../src/python_env/mod.ts";
import { type Finding, findingOf } from "./finding.ts";

/**
 * Opens the Python of each pool; builds missing environments. Returns those whose modules import;
 * the findings explain the others.
 */
export async function openPythons(config: Config, findings: Finding[]): Promise<PoolPythons> {
  const plans = await planPythons(pythonChoices(config), config);
  const opened: { pools: readonly string[]; python: PythonEnvironment }[] = [];
  for (const plan of plans) {
    const of = plans.length === 1 ? "" : ` of ${plan.pools.join(", ")}`;
    const python = await openPython(plan, of, findings);
    if (python === null) continue;
    if (await importsAll(python, of, { config, findings })) {
      opened.push({ pools: plan.pools, python });
    } else python.release();
  }
  return new PoolPythons(opened);
}

async function openPython(
  plan: PythonPlan,
  of: string,
  findings: Finding[],
): Promise<PythonEnvironment | null> {
  return await findingOf(findings, `Python${of}`, async () => {
    const value = await plan.open({ onProgress: (line) => console.error(line) });
    const { version, executable, built } = value;
    return { value, text: `${version} at ${executable}${built ? ", built just now" : ""}` };
  });
}

async function importsAll(
  { executable, environment }: PythonEnvironment,
  of: string,
  { config, findings }: { readonly config: Config; readonly findings: Finding[] },
): Promise<boolean> {
  const { modules, packagePath } = pythonSource();
  const imported = await findingOf(findings, `imports${of}`, async () => {
    const env = { PATH: Deno.env.get("PATH") ?? "", PYTHONPATH: packagePath };
    const missing = await missingImports(executable, modules, { env });
    if (missing.length > 0) {
      throw new Error(missing.map((it) => `import ${it.module}: ${it.reason}`).join("\n"));
    }
    return { value: true, text: modules.join(", ") };
  });
  if (imported !== null) return true;
  const last = findings.pop();
  const mend = `remove ${environment?.path ?? config.dataDir} and run \`deno task setup\``;
  if (last !== undefined) findings.push({ ...last, mend });
  return false;
}
