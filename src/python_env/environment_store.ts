import { join } from "node:path";
import { isRecord } from "../json/mod.ts";
import { FileLock } from "../process/mod.ts";

/**
 * File in an environment that says what it was made of; written last, so that it is there only in a
 * whole one. Workers know an environment of the host by it.
 */
export const STAMP = "snakeden-environment.json";
/** Each process that uses the environment holds a shared lock on this file in it. */
const IN_USE = "in-use.lock";
const UNFINISHED = "building-";
const REMOVED = "removed-";

/** The next build removes an environment that no process has used for this long. */
const KEPT_MS = 14 * 24 * 60 * 60 * 1000;
/** The number of environments of a kind that stay, besides those in use: those used last. */
const KEPT = 4;

/** What the stamp says. */
export interface Stamp {
  readonly key: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /**
   * What `bin/python` resolves to, and when that file was changed last: a Python that was upgraded
   * is another one.
   */
  readonly basePython: string;
  readonly baseModifiedMs: number;
}

/** An environment that this process holds in use. */
export interface HeldEnvironment {
  readonly path: string;
  readonly executable: string;
  readonly version: string;
  /** Ends the use of the environment; a second call does nothing. */
  release(): void;
}

/** The interpreter of the environment at `path`. */
export function pythonIn(path: string): string {
  return join(path, "bin", "python");
}

/** Where `<dataDir>/python` keeps its lock of the builder. */
export function buildLockPath(root: string): string {
  return join(root, "build.lock");
}

/** A fresh place for a build in `root`. */
export function unfinishedPath(root: string): string {
  return join(root, `${UNFINISHED}${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`);
}

/**
 * Looks for a whole environment made for `key` whose interpreter is still the same, and holds it in
 * use.
 */
export async function findEnvironment(root: string, key: string): Promise<HeldEnvironment | null> {
  for (const name of await environmentNames(root)) {
    const path = join(root, name);
    const stamp = await readStamp(path);
    if (stamp === null || stamp.key !== key || !await isStillBasedOn(path, stamp)) continue;
    const held = await holdEnvironment(path, stamp.version);
    if (held !== null) return held;
  }
  return null;
}

/** Marks the environment as used by this process; null when it is being removed. */
async function holdEnvironment(path: string, version: string): Promise<HeldEnvironment | null> {
  try {
    const lock = await FileLock.tryTake(join(path, IN_USE), "shared");
    if (lock === null) return null;
    noteUse(path);
    const release = (): void => {
      noteUse(path);
      lock.release();
    };
    return { path, executable: pythonIn(path), version, release };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Sets the time of the file, from which {@link sweep} reads the last use. */
function noteUse(path: string): void {
  const now = new Date();
  try {
    Deno.utimeSync(join(path, IN_USE), now, now);
  } catch {
    // The file is gone or not ours. The last use then seems older, and at worst the environment is
    // built again.
  }
}

/**
 * Writes the stamp and gives the environment its name in one step. The caller holds the build lock.
 */
export async function adoptEnvironment(
  root: string,
  unfinished: string,
  name: string,
  made: { readonly key: string; readonly version: string },
): Promise<HeldEnvironment> {
  const base = await basePython(unfinished);
  const stamp: Stamp = { ...made, ...base };
  await Deno.writeTextFile(join(unfinished, IN_USE), "");
  await Deno.writeTextFile(join(unfinished, STAMP), `${JSON.stringify(stamp, null, 2)}\n`);
  const path = await freePath(root, name);
  await Deno.rename(unfinished, path);
  const held = await holdEnvironment(path, made.version);
  if (held === null) throw new Error(`${path} was removed while its builder held the lock`);
  return held;
}

/**
 * Another process may still run in an environment of the same name whose interpreter has changed.
 */
async function freePath(root: string, name: string): Promise<string> {
  for (let i = 1;; i++) {
    const path = join(root, i === 1 ? name : `${name}-${i}`);
    if (!await exists(path) || await removeIfUnused(root, path)) return path;
  }
}

/**
 * Removes the remains of dead builds, and the unused environments of the same kind as `keep` that
 * are not worth keeping. Recently used ones stay: programs with other requirements may take turns
 * on this directory. The caller holds the build lock.
 */
export async function sweep(
  root: string,
  keep: { path: string; dev: boolean } | null,
  nowMs: number = Date.now(),
): Promise<void> {
  for await (const entry of Deno.readDir(root)) {
    const path = join(root, entry.name);
    if (entry.name.startsWith(UNFINISHED) || entry.name.startsWith(REMOVED)) {
      await removeTree(path);
    }
  }
  if (keep === null) return;
  const others = (await environmentNames(root))
    .filter((it) => it.startsWith("dev-") === keep.dev)
    .map((it) => join(root, it))
    .filter((it) => it !== keep.path);
  const uses = await Promise.all(
    others.map(async (path) => ({ path, usedMs: await lastUse(path) })),
  );
  uses.sort((a, b) => b.usedMs - a.usedMs);
  for (const [i, { path, usedMs }] of uses.entries()) {
    // The environment to keep is newer than all of them.
    if (i + 1 >= KEPT || nowMs - usedMs > KEPT_MS) await removeIfUnused(root, path);
  }
}

/** Returns the time of the last use; 0 when no process can use the environment any more. */
async function lastUse(path: string): Promise<number> {
  const stamp = await readStamp(path);
  if (stamp === null || !await isStillBasedOn(path, stamp)) return 0;
  try {
    return (await Deno.stat(join(path, IN_USE))).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function removeIfUnused(root: string, path: string): Promise<boolean> {
  const lock = await FileLock.tryTake(join(path, IN_USE), "exclusive");
  if (lock === null) return false;
  using _lock = lock;
  const removed = join(root, `${REMOVED}${crypto.randomUUID().slice(0, 8)}`);
  await Deno.rename(path, removed);
  await removeTree(removed);
  return true;
}

/**
 * Removes `path`; what cannot be removed now, because a dying process still writes there, goes at
 * the next sweep.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    const busy = error instanceof Error && "code" in error && error.code === "ENOTEMPTY";
    if (!busy && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function environmentNames(root: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(root)) {
      if (entry.isDirectory && /^(dev-)?[0-9a-f]{16}(-\d+)?$/.test(entry.name)) {
        names.push(entry.name);
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

async function readStamp(path: string): Promise<Stamp | null> {
  try {
    const stamp: unknown = JSON.parse(await Deno.readTextFile(join(path, STAMP)));
    return isStamp(stamp) ? stamp : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isStamp(value: unknown): value is Stamp {
  if (!isRecord(value)) return false;
  const stamp: Partial<Record<keyof Stamp, unknown>> = value;
  return typeof stamp.key === "string" && typeof stamp.version === "string" &&
    typeof stamp.basePython === "string" && typeof stamp.baseModifiedMs === "number";
}

async function isStillBasedOn(path: string, stamp: Stamp): Promise<boolean> {
  try {
    const { basePython: file, baseModifiedMs } = await basePython(path);
    return file === stamp.basePython && baseModifiedMs === stamp.baseModifiedMs;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function basePython(path: string): Promise<Pick<Stamp, "basePython" | "baseModifiedMs">> {
  const file = await Deno.realPath(pythonIn(path));
  const { mtime } = await Deno.stat(file);
  return { basePython: file, baseModifiedMs: mtime?.getTime() ?? 0 };
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
