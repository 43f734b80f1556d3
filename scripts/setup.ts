/**
 * `deno task setup`: prepares the Python environments that the first start would prepare; says
 * which pool uses which, how large they are, and which others are kept.
 */
import { type Config, loadConfig } from "../src/config/mod.ts";
import { messageOf, SnakedenError } from "../src/errors.ts";
import { pythonChoices } from "../src/host/mod.ts";
import { ensurePythons, environmentRoot, listEnvironments } from "../src/python_env/mod.ts";
import { devPython } from "./dev_python.ts";
import { describeOthers, describePython } from "./setup/report.ts";

async function setUp(config: Config, dev: boolean): Promise<void> {
  using pythons = await ensurePythons(pythonChoices(config), {
    ...config,
    onProgress: (line) => console.error(line),
  });
  const shared = pythons.list.length === 1;
  for (const { pools, python } of pythons.list) {
    console.log(describePython(python, shared ? undefined : pools));
  }
  const executables = pythons.list.map(({ python }) => python.executable);
  if (dev) {
    const executable = await devPython();
    executables.push(executable);
    console.log(`Python for tests and checks: ${executable}`);
  }
  const others = (await listEnvironments(environmentRoot(config.dataDir)))
    .filter(({ path }) => !executables.some((it) => it.startsWith(`${path}/`)));
  if (others.length > 0) console.log(describeOthers(others));
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((it) => it !== "--dev");
  if (unknown.length > 0) {
    console.error(`unknown option ${unknown.join(" ")}\nusage: deno task setup [--dev]`);
    return 2;
  }
  try {
    await setUp(await loadConfig(), args.includes("--dev"));
    return 0;
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    console.error(`snakeden: ${messageOf(error)}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
