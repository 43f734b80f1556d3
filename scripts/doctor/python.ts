import type { Config } from "../../src/config/mod.ts";
import {
  ensurePython,
  missingImports,
  type PythonEnvironment,
  pythonSource,
} from "../../src/python_env/mod.ts";
import { type Finding, findingOf } from "./finding.ts";

/**
 * Finds or builds the Python environment, and passes it to `use` when all of its modules import.
 */
export async function withPython(
  config: Config,
  findings: Finding[],
  use: (python: PythonEnvironment) => Promise<void>,
): Promise<void> {
  const found = await findingOf(findings, "Python", async () => {
    const { dataDir, python: { executable, requirements } } = config;
    const onProgress = (line: string): void => console.error(line);
    const value = await ensurePython({ dataDir, executable, requirements, onProgress });
    return {
      value,
      text: `${value.version} at ${value.executable}${value.built ? ", built just now" : ""}`,
    };
  });
  if (found === null) return;
  using python = found;
  const { modules, packagePath } = pythonSource();
  const imported = await findingOf(findings, "imports", async () => {
    const env = { PATH: Deno.env.get("PATH") ?? "", PYTHONPATH: packagePath };
    const missing = await missingImports(python.executable, modules, { env });
    if (missing.length > 0) {
      throw new Error(missing.map((it) => `import ${it.module}: ${it.reason}`).join("\n"));
    }
    return { value: true, text: modules.join(", ") };
  });
  if (imported !== null) return await use(python);
  const last = findings.pop();
  const mend = `remove ${config.dataDir}/python and run \`deno task setup\``;
  if (last !== undefined) findings.push({ ...last, mend });
}
