/** The Python with everything that tests, checks and the code generator need. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOST_ENV } from "../src/process/mod.ts";
import { ensurePython } from "../src/python_env/mod.ts";

/** Root of the repository. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/**
 * Path of its interpreter; it is built when it is not there yet, which is told on standard error.
 *
 * @throws {SnakedenError} `python_environment` when it cannot be built.
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
