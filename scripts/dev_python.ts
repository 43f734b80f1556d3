/** Finds the Python with everything that tests, checks and the code generator need. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOST_ENV } from "../src/process/mod.ts";
import { ensurePython } from "../src/python_env/mod.ts";

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/**
 * Returns the path of its interpreter. Builds the environment first if it does not exist, and
 * writes the progress to standard error.
 *
 * @throws {SnakedenError} `python_environment` if it cannot be built.
 */
export async function devPython(): Promise<string> {
  const dataDir = Deno.env.get(HOST_ENV.dataDir) || join(ROOT, ".snakeden");
  using python = await ensurePython({
    dataDir,
    dev: true,
    onProgress: (line) => console.error(line),
  });
  return python.executable;
}
