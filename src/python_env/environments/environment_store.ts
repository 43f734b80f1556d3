import { join } from "node:path";
import type { VersionRange } from "../find_interpreter.ts";
import { kindOfName } from "./environment_kind.ts";
import { removeIfUnused } from "./removal.ts";
import { type BuildRecord, pythonIn, type Stamp, validStamp, writeStamp } from "./stamp.ts";
import { type EnvironmentUse, holdUse, IN_USE_FILE } from "./use.ts";

/** An environment that this process holds in use. */
export interface HeldEnvironment {
  readonly path: string;
  readonly executable: string;
  readonly version: string;
  /** Undefined for an environment that an earlier version has built. */
  readonly build: BuildRecord | undefined;
  /** Ends the use of the environment; a second call does nothing. */
  release(): void;
}

/**
 * Returns the environment of `key`, held in use; null if there is none that is complete and whose
 * interpreter is still the same.
 *
 * @param options.set The id of the environments that a program uses together.
 * @param options.accepts The versions of Python that will do; all if omitted.
 */
export async function findEnvironment(
  root: string,
  key: string,
  { set = key, accepts }: {
    readonly set?: string | undefined;
    readonly accepts?: VersionRange | undefined;
  } = {},
): Promise<HeldEnvironment | null> {
  for (const name of await environmentNames(root)) {
    const path = join(root, name);
    const stamp = await validStamp(path);
    if (stamp?.key !== key || accepts?.includes(stamp.version) === false) continue;
    const use = await holdUse(path, set);
    if (use !== null) return held(path, stamp, use);
  }
  return null;
}

/**
 * Writes the stamp, and gives the environment its name in one step. The caller holds the lock of
 * this build.
 */
export async function adoptEnvironment(
  root: string,
  unfinished: string,
  name: string,
  made: Pick<Stamp, "key" | "version" | "build"> & { readonly set?: string },
): Promise<HeldEnvironment> {
  const { key, version, build, set = key } = made;
  await Deno.writeTextFile(join(unfinished, IN_USE_FILE), "");
  const stamp = await writeStamp(unfinished, { key, version, build });
  // Held before it has a name: another process may remove unused environments at any time.
  const use = await holdUse(unfinished, set);
  if (use === null) throw new Error(`another process has locked ${unfinished}`);
  try {
    const path = await freePath(root, name);
    await Deno.rename(unfinished, path);
    return held(path, stamp, use.movedTo(path));
  } catch (error) {
    use.release();
    throw error;
  }
}

function held(path: string, { version, build }: Stamp, use: EnvironmentUse): HeldEnvironment {
  return { path, executable: pythonIn(path), version, build, release: () => use.release() };
}

/**
 * Returns a free path. Another process may still use an environment of this name whose interpreter
 * has changed.
 */
async function freePath(root: string, name: string): Promise<string> {
  for (let i = 1;; i++) {
    const path = join(root, i === 1 ? name : `${name}-${i}`);
    if (!await exists(path) || await removeIfUnused(root, path)) return path;
  }
}

/** Returns the names of the environments in `root`, sorted. */
export async function environmentNames(root: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(root)) {
      if (isDirectory && kindOfName(name) !== undefined) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
