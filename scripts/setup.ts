/**
 * `deno task setup`: prepares the Python environment that the first start would prepare, and says
 * where it is.
 */
import { loadConfig } from "../src/config/mod.ts";
import { messageOf, SnakedenError } from "../src/errors.ts";
import { ensurePython } from "../src/python_env/mod.ts";
import { devPython } from "./dev_python.ts";

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((it) => it !== "--dev");
  if (unknown.length > 0) {
    console.error(`unknown option ${unknown.join(" ")}\nusage: deno task setup [--dev]`);
    return 2;
  }
  try {
    const { dataDir, python: { executable, requirements } } = await loadConfig();
    using python = await ensurePython({
      dataDir,
      executable,
      requirements,
      onProgress: (line) => console.error(line),
    });
    console.log(`Python ${python.version} for the workers: ${python.executable}`);
    if (args.includes("--dev")) console.log(`Python for tests and checks: ${await devPython()}`);
    return 0;
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    console.error(`snakeden: ${messageOf(error)}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
