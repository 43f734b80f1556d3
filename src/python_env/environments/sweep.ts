import { join } from "node:path";
import { environmentNames } from "./environment_store.ts";
import { removeIfUnused } from "./removal.ts";
import { validStamp } from "./stamp.ts";
import { lastUseOf } from "./use.ts";

/** Days that an environment stays which no process uses. */
export const KEPT_DAYS = 14;
/** The number of sets of a kind that stay: those used last, and that of the caller. */
export const KEPT_SETS = 4;

const DAY_MS = 24 * 60 * 60 * 1000;

interface Unused {
  readonly path: string;
  readonly usedMs: number;
  readonly set: string;
}

/**
 * Removes environments that no process uses and that are not worth keeping. Those used recently
 * stay: programs with other requirements may take turns on this directory. Environments that a
 * program uses together stay together.
 *
 * @param set That of the caller, which stays.
 * @param options.dev Looks at environments for tests and checks, instead of those of workers.
 */
export async function sweepEnvironments(
  root: string,
  set: string,
  { dev, nowMs = Date.now() }: { readonly dev: boolean; readonly nowMs?: number },
): Promise<void> {
  const kept: Unused[] = [];
  for (const name of await environmentNames(root)) {
    if (name.startsWith("dev-") !== dev) continue;
    const path = join(root, name);
    // Without a stamp, or with another Python than it was built on, nobody can use it any more.
    if (await validStamp(path) === null) {
      await removeIfUnused(root, path);
      continue;
    }
    const { atMs, set: its } = await lastUseOf(path);
    // An earlier version has written no set: the environment counts as a set of its own.
    if (its !== set) kept.push({ path, usedMs: atMs, set: its || name });
  }
  const sets = [...Map.groupBy(kept, (it) => it.set).values()]
    .map((members) => ({ members, usedMs: Math.max(...members.map((it) => it.usedMs)) }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const [i, { members, usedMs }] of sets.entries()) {
    if (i + 1 < KEPT_SETS && nowMs - usedMs <= KEPT_DAYS * DAY_MS) continue;
    for (const { path } of members) await removeIfUnused(root, path);
  }
}
