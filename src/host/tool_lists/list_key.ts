import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { PoolConfig } from "../../config/mod.ts";
import { isGranted } from "../../granted.ts";
import { packagePath, type PythonEnvironment } from "../../python_env/mod.ts";
import type { CodeHash } from "./code_hash.ts";

/** A change of the stored form, or of what the host makes of a tool, needs another number. */
const VERSION = 1;

/** The part of a pool's Python on which its tools depend. */
export type ListedPython = Pick<PythonEnvironment, "executable" | "version">;

/**
 * Returns the hash of all that the tools of a pool depend on, as far as it is known: its code, its
 * Python with the packages in it, this program's own Python code, and its configuration.
 *
 * @param hashOf Returns the hash of the code in some folders.
 */
export async function listKey(
  pool: PoolConfig,
  python: ListedPython,
  hashOf: (folders: readonly string[]) => Promise<CodeHash>,
): Promise<CodeHash> {
  const code = await hashOf([...pool.modulePaths, packagePath()]);
  if (code.hash === undefined) return code;
  const { adapter, expose, modulePaths, preload, profile, launcher, devices, env, wrap } = pool;
  const { executable, version } = python;
  const parts = [
    VERSION,
    code.hash,
    { executable, version, packages: await packagesOf(python) },
    { adapter, expose, modulePaths, preload, profile, launcher, devices, env, wrap },
  ];
  return { hash: createHash("sha256").update(JSON.stringify(parts)).digest("hex") };
}

/** Returns the time at which a package was last installed in a Python, or removed. */
async function packagesOf({ executable, version }: ListedPython): Promise<number> {
  const minor = version.split(".").slice(0, 2).join(".");
  const lib = join(dirname(dirname(executable)), "lib", `python${minor}`, "site-packages");
  if (!isGranted({ name: "read", path: lib })) return 0;
  try {
    return (await Deno.stat(lib)).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}
