import { type PoliciesByPool, warnOfUnknownTools } from "../calls/mod.ts";
import type { Config, PoolConfig } from "../config/mod.ts";
import { getLogger } from "../log.ts";
import type { CodeEvent, Pool, PoolsByName } from "../pool/mod.ts";
import { packagePath } from "../python_env/mod.ts";
import type { ToolRegistry } from "../tools/mod.ts";
import { Reloader } from "./reloader.ts";

/** Dependencies of {@link openReload}. */
export interface ReloadDeps {
  readonly config: Pick<Config, "dataDir" | "dev">;
  readonly pools: PoolsByName;
  readonly tools: Pick<ToolRegistry, "poolFor">;
  readonly policies: PoliciesByPool;
}

/** A pool, and its configuration. */
export interface ServedPool {
  readonly pool: Pool;
  readonly poolConfig: PoolConfig;
}

/**
 * Follows the code of pools: new code starts with closed circuits, and other tools are checked
 * against the configuration. With `dev`, it also watches the files of the pools, and reloads a pool
 * when one of them changes.
 */
export async function openReload(
  served: readonly ServedPool[],
  deps: ReloadDeps,
): Promise<AsyncDisposable> {
  const { config } = deps;
  await using resources = new AsyncDisposableStack();
  const watched = served.map((it) => {
    const { pool, poolConfig } = it;
    resources.defer(pool.code.onEvent((event) => onCode(event, { ...it, deps })));
    return { pool, folders: [...poolConfig.modulePaths, packagePath()] };
  });
  if (config.dev) {
    resources.use(await Reloader.open({ pools: watched, exclude: [config.dataDir] }));
  }
  return resources.move();
}

interface Served extends ServedPool {
  readonly deps: ReloadDeps;
}

function onCode({ reloaded, tools: changes }: CodeEvent, { deps, pool, poolConfig }: Served): void {
  if (reloaded) deps.policies.get(pool.name)?.reset();
  if (changes === undefined) return;
  warnOfUnknownTools(poolConfig, pool);
  for (const tool of changes.added) {
    const others = [...deps.pools.values()].filter((it) => it !== pool && it.offers(tool));
    if (others.length === 0) continue;
    const { name: preferred } = deps.tools.poolFor(tool, undefined);
    getLogger("reload").warn(
      "{tool} is a tool of {pools}: a call that names no pool goes to {preferred}",
      { tool, pools: [pool, ...others].map(({ name }) => name).join(" and "), preferred },
    );
  }
}

/** Resolves when a pool has a ready worker, without a time limit. */
export async function untilReady(pool: Pool, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal?.reason);
  const forget = pool.onTransition(({ to }) => to === "ready" ? resolve() : undefined);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    if (pool.state !== "ready") await promise;
  } finally {
    forget();
    signal?.removeEventListener("abort", onAbort);
  }
}
