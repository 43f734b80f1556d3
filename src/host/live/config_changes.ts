import { isDeepStrictEqual } from "node:util";
import { type Config, defaultedKeysOf, type PoolConfig } from "../../config/mod.ts";
import { isRecord } from "../../json/mod.ts";
import { hasPython } from "../open_python.ts";
import type { ResizeRequest } from "../../pool/mod.ts";
import type { HostPool, PoolTable } from "./pool_table.ts";

/** The difference between the configuration of a running host and another one. */
export interface ConfigChanges {
  /** The pools that are new. */
  readonly added: readonly PoolConfig[];
  /** The pools that are there, with other settings. */
  readonly changed: readonly PoolConfig[];
  /** The pools that differ only in what can change with the same workers. */
  readonly adjusted: readonly PoolConfig[];
  /** The names of the pools that the configuration names no longer. */
  readonly removed: readonly string[];
  /** The paths of the other settings that differ and can change while the host runs. */
  readonly settings: readonly string[];
  /** The paths of those that the next start applies. */
  readonly needsRestart: readonly string[];
}

/**
 * The settings that can change while the host runs. Their readers read them each time, from the
 * groups of the one configuration that {@link applySettings} changes.
 */
const LIVE_SETTINGS: ReadonlySet<string> = new Set([
  "drainMs",
  "files.ttlMs",
  "jobs.idempotencyMs",
  "jobs.inlineResultBytes",
  "jobs.maxArgsBytes",
  "jobs.maxAttempts",
  "jobs.maxBatchItems",
  "jobs.maxResultBytes",
  "jobs.retention",
  "jobs.retry",
  "jobs.timeoutMs",
  "limits.maxArgumentsBytes",
  "limits.maxBodiesBytes",
  "limits.maxBodyBytes",
  "limits.maxCallDepth",
  "limits.maxSockets",
  "limits.maxUploadBytes",
  "maxWorkerMemoryBytes",
  "maxWorkers",
  "sessions.maxMetadataBytes",
  "sessions.maxPrograms",
  "sessions.maxVariableBytes",
  "sessions.ttlMs",
]);

/** The keys of a pool by which it keeps more or fewer workers. */
const SIZES = ["size", "min", "max", "spare"];
/** The keys of a pool that can change with the same workers. */
const ADJUSTABLE = [...SIZES, "breaker", "retry", "tools"];

/** Returns what differs in a configuration from that of the host, which is `now`. */
export function changesOf(table: PoolTable, now: Config, next: Config): ConfigChanges {
  const names = new Set(next.pools.map(({ name }) => name));
  const added = next.pools.filter(({ name }) => table.get(name) === undefined);
  const known = next.pools.filter(({ name }) => table.get(name) !== undefined);
  const differs = (pool: PoolConfig, adjustable: readonly string[]): boolean => {
    const before = table.get(pool.name);
    return before !== undefined && !isSamePool(before.given, pool, { now, next, adjustable });
  };
  const changed = known.filter((pool) =>
    differs(pool, ADJUSTABLE) || outgrowsDevices(table.get(pool.name), pool)
  );
  const adjusted = known.filter((pool) =>
    !changed.includes(pool) && (differs(pool, SIZES) || isResized(table.get(pool.name), pool))
  );
  const removed = table.all.filter(({ isConfigured, config }) =>
    isConfigured && !names.has(config.name)
  ).map(({ config }) => config.name);
  const paths = settingsOf({ ...now, pools: [] }, { ...next, pools: [] });
  return {
    added,
    changed,
    adjusted,
    removed,
    settings: paths.filter((it) => LIVE_SETTINGS.has(it)),
    // The Python at the top is that of pools without one, which count as changed.
    needsRestart: paths.filter((it) => !LIVE_SETTINGS.has(it) && !it.startsWith("python.")),
  };
}

/** Changes the settings of `config` that can change while the host runs to those of `next`. */
export function applySettings(config: Config, next: Config): void {
  for (const path of settingsOf({ ...config, pools: [] }, { ...next, pools: [] })) {
    if (!LIVE_SETTINGS.has(path) && !path.startsWith("python.")) continue;
    const [key = "", inner] = path.split(".");
    const value: unknown = Reflect.get(next, key);
    if (inner === undefined) Reflect.set(config, key, value);
    else if (isRecord(value)) Reflect.set(Reflect.get(config, key), inner, value[inner]);
  }
}

function isSamePool(
  before: PoolConfig,
  pool: PoolConfig,
  { now, next, adjustable }: {
    readonly now: Config;
    readonly next: Config;
    /** The keys that do not count. */
    readonly adjustable: readonly string[];
  },
): boolean {
  if (!hasPython(pool.python) && !isDeepStrictEqual(now.python, next.python)) return false;
  const wasDefault = defaultedKeysOf(now, pool.name);
  const isDefault = defaultedKeysOf(next, pool.name).filter((key) => wasDefault.includes(key));
  const ignored = [...isDefault, ...adjustable];
  return isDeepStrictEqual(without(before, ignored), without(pool, ignored));
}

/** Returns the number of workers that a configuration asks for; undefined if it leaves it open. */
export function sizesOf({ size, min = size, max = size, spare }: PoolConfig):
  | ResizeRequest
  | undefined {
  return min === undefined || max === undefined ? undefined : { min, max, spare };
}

/**
 * Returns the pools that a host will have. Those that do not change keep the devices that they
 * have, and their sizes unless these are adjusted.
 */
export function poolsAfter(
  table: PoolTable,
  { added, changed, adjusted }: ConfigChanges,
  next: Config,
): PoolConfig[] {
  const own = new Set([...added, ...changed].map(({ name }) => name));
  const kept = next.pools.map((pool) => {
    const before = table.get(pool.name)?.config;
    if (own.has(pool.name) || before === undefined) return pool;
    const sizes = adjusted.includes(pool) ? sizesOf(pool) : undefined;
    return sizes === undefined ? before : { ...pool, size: sizes.max };
  });
  const others = table.resized.filter(({ name }) =>
    table.get(name)?.isConfigured === false && !own.has(name)
  );
  return [...kept, ...others];
}

/** Returns true if a configuration asks for more workers than a pool has devices for. */
function outgrowsDevices(pool: HostPool | undefined, next: PoolConfig): boolean {
  const { max = 0 } = sizesOf(next) ?? {};
  return pool !== undefined && pool.pool.devices.assigned.length > 0 && max > pool.config.size;
}

/** Returns true if a pool has another number of workers than a configuration asks for. */
function isResized(pool: HostPool | undefined, next: PoolConfig): boolean {
  const sizes = sizesOf(next);
  return pool !== undefined && sizes !== undefined && !isDeepStrictEqual(pool.pool.limits, sizes);
}

function without(pool: PoolConfig, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(pool).filter(([key, value]) => !keys.includes(key) && value !== undefined),
  );
}

/** Lists the paths of the settings that differ: keys at the top, and those of groups. */
function settingsOf(now: Config, next: Config): string[] {
  const [before, after]: Readonly<Record<string, unknown>>[] = [{ ...now }, { ...next }];
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort()
    .flatMap((key) => {
      const [a, b] = [before?.[key], after?.[key]];
      if (key === "hostTools" || isDeepStrictEqual(a, b)) return [];
      if (!isRecord(a) || !isRecord(b)) return [key];
      return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
        .filter((inner) => !isDeepStrictEqual(a[inner], b[inner]))
        .map((inner) => `${key}.${inner}`);
    });
}
