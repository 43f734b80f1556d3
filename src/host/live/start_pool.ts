import type { SizedPoolConfig } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { Health, Pool, PoolGroup } from "../../pool/mod.ts";
import { untilReady } from "../../reload/mod.ts";

/**
 * Starts the workers of a pool that is not used yet.
 *
 * @throws {SnakedenError} `worker_start_failed` if none is ready once each slot has tried, or the
 * reason of the signal.
 */
export async function startOrThrow(pool: Pool, signal: AbortSignal): Promise<void> {
  const onAbort = (): void => void pool.stop({ drainMs: 0 });
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await pool.start();
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  if (pool.state === "ready") return;
  const { name, reason = "none of its workers became ready" } = pool;
  throw new SnakedenError("worker_start_failed", `Cannot use the pool ${name}`, {
    output: `: ${reason}`,
    details: { pool: name },
  });
}

/**
 * Returns true if the workers of a pool that is replaced must have ended before those of the new
 * one start: its `replace` says so, or it has accelerators, whose memory may not hold both.
 */
export function stopsFirst({ replace, devices }: SizedPoolConfig): boolean {
  if (replace !== "auto") return replace === "stop_first";
  return devices !== "inherit" && devices !== "cpu";
}

/**
 * Resolves when each slot has tried to start a worker or, with `readyTimeoutMs`, when every pool
 * has a ready worker. With `dev` there is no time limit, since code that cannot be loaded will be
 * repaired.
 */
export async function startPools(
  group: PoolGroup,
  { dev, health, readyTimeoutMs, signal }: {
    readonly dev: boolean;
    readonly health: Health;
    readonly readyTimeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const started = group.start(signal);
  if (readyTimeoutMs === undefined) return await started;
  // With `readyTimeoutMs`, an abort is reported by awaitReady() below.
  started.catch(() => {});
  if (dev) {
    await Promise.all([...group.byName.values()].map((pool) => untilReady(pool, signal)));
    return;
  }
  await health.awaitReady({
    timeoutMs: readyTimeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
}
