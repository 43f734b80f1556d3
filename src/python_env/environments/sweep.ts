import { join } from "node:path";
import { type EnvironmentKind, kindOfName } from "./environment_kind.ts";
import { environmentNames } from "./environment_store.ts";
import { removeIfUnused } from "./removal.ts";
import { validStamp } from "./stamp.ts";
import { lastUseOf } from "./use.ts";

/** The days that an unused environment stays. */
export const KEPT_DAYS = 14;
/**
 * The number of sets that are kept: the caller's, and the ones used last. Each script with packages
 * of its own is a set.
 */
export const KEPT_SETS: Readonly<Record<EnvironmentKind, number>> = {
  workers: 4,
  dev: 4,
  script: 32,
};

const DAY_MS = 24 * 60 * 60 * 1000;

interface Unused {
  readonly path: string;
  readonly usedMs: number;
  readonly set: string;
}

/**
 * Removes unused environments that were not used recently. Programs with different requirements
 * may take turns on this directory, so their environments stay for a while. Environments that a
 * program uses together stay together.
 *
 * @param set The set of the caller, which stays.
 * @param options.kind Sweeps the environments of these users, and no others.
 */
export async function sweepEnvironments(
  root: string,
  set: string,
  { kind, nowMs = Date.now() }: { readonly kind: EnvironmentKind; readonly nowMs?: number },
): Promise<void> {
  const kept: Unused[] = [];
  for (const name of await environmentNames(root)) {
    if (kindOfName(name) !== kind) continue;
    const path = join(root, name);
    // An environment without a stamp, or whose Python has changed, is of no more use.
    if (await validStamp(path) === null) {
      await removeIfUnused(root, path);
      continue;
    }
    const { atMs, set: itsSet } = await lastUseOf(path);
    // Earlier versions wrote no set: the environment counts as a set of its own.
    if (itsSet !== set) kept.push({ path, usedMs: atMs, set: itsSet || name });
  }
  const sets = [...Map.groupBy(kept, (it) => it.set).values()]
    .map((members) => ({ members, usedMs: Math.max(...members.map((it) => it.usedMs)) }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const [i, { members, usedMs }] of sets.entries()) {
    if (i + 1 < KEPT_SETS[kind] && nowMs - usedMs <= KEPT_DAYS * DAY_MS) continue;
    for (const { path } of members) await removeIfUnused(root, path);
  }
}
