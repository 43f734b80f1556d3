import { messageOf, SnakedenError } from "../errors.ts";
import type { PoolsByName } from "./find_pool.ts";

/** A time limit for a wait, and a signal that ends it. */
export interface WaitOptions {
  /** The longest time to wait, in milliseconds. Each method documents its default. */
  readonly timeoutMs?: number;
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal;
}

/** The result of a ping through every pool. */
export interface Readiness {
  /** True if every pool is ready. */
  readonly ready: boolean;
  /** The results by the name of the pool. */
  readonly pools: Readonly<Record<string, PoolReadiness>>;
  /** The accelerators of the pools, by id; absent if no pool has any. */
  readonly devices?: Readonly<Record<string, DeviceReadiness>>;
}

/** The health of a device. */
export interface DeviceReadiness {
  /** `unhealthy` while its workers crash too often. Its slots stay empty then, in all pools. */
  readonly health: "healthy" | "unhealthy";
  /** The reason why it is unhealthy, and when a worker tries it again. */
  readonly reason?: string;
}

/** The result of a ping through one pool, with the reason if it cannot serve. */
export interface PoolReadiness {
  /** True if a worker of the pool answered the ping in time. */
  readonly ready: boolean;
  /** The round-trip time of the ping; only if ready, and not if the pool is at rest. */
  readonly pingMs?: number;
  /** The reason why no worker answered; only if not ready. */
  readonly reason?: string;
  /**
   * True while the pool sends no calls to its workers, since somebody has paused it. That alone
   * does not make it unready.
   */
  readonly paused?: true;
}

/** The health of the pools of a host. */
export class Health {
  readonly #pools: PoolsByName;

  /** Checks these pools. Programs get theirs from {@link Snakeden.health}. */
  constructor(pools: PoolsByName) {
    this.#pools = pools;
  }

  /**
   * Sends a ping through every pool. Default of `timeoutMs`: 2,000. An unhealthy device alone does
   * not make the host unready, since its pools may go on with others. A pool that may have no
   * worker, and has none, is ready unless its starts fail; none is started. Nor does a pause: a
   * load balancer would take the other pools away too, and the calls that wait would get no others
   * to wait with. What is paused is marked as such.
   */
  async ready({ timeoutMs = 2_000, signal }: WaitOptions = {}): Promise<Readiness> {
    const bound = withTimeout(timeoutMs, signal);
    const entries = await Promise.all(
      [...this.#pools.values()].map(async (pool): Promise<[string, PoolReadiness]> => {
        const paused = pool.isPaused ? { paused: true as const } : {};
        // Nothing is started to find out whether it could be.
        if (pool.isReadyWithoutWorker) return [pool.name, { ready: true, ...paused }];
        try {
          return [pool.name, { ready: true, pingMs: await pool.ping(bound), ...paused }];
        } catch (error) {
          const silent = `no worker answered a ping within ${timeoutMs} ms`;
          const reason = bound.aborted ? silent : messageOf(error);
          return [pool.name, { ready: false, reason, ...paused }];
        }
      }),
    );
    const ready = entries.every(([, it]) => it.ready);
    return { ready, pools: Object.fromEntries(entries), ...this.#devices() };
  }

  #devices(): Pick<Readiness, "devices"> {
    const devices: Record<string, DeviceReadiness> = {};
    for (const { devices: { ids, unhealthy } } of this.#pools.values()) {
      for (const id of ids) devices[id] ??= { health: "healthy" };
      for (const { deviceId, reason } of unhealthy) {
        devices[deviceId] = { health: "unhealthy", reason };
      }
    }
    return Object.keys(devices).length === 0 ? {} : { devices };
  }

  /**
   * Resolves when every pool has a ready worker, or may have none. Default of `timeoutMs`: none.
   *
   * @throws {SnakedenError} `pool_unhealthy`, `device_unavailable`, `shutting_down`;
   * `startup_failed` when the time is up.
   */
  async awaitReady({ timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    const bound = withTimeout(timeoutMs, signal);
    const pools = [...this.#pools.values()];
    try {
      await Promise.all(pools.map((pool) => pool.whenReady(bound)));
    } catch (error) {
      if (!bound.aborted || signal?.aborted) throw error;
      const late = pools.filter((it) => it.state !== "ready");
      throw new SnakedenError(
        "startup_failed",
        [
          `Not ready after ${timeoutMs} ms: no worker yet in ${
            late.map((it) => it.name).join(", ")
          }`,
          ...late.flatMap(({ reason }) => reason ?? []),
        ].join("\n"),
        { retryable: true },
      );
    }
  }
}

function withTimeout(timeoutMs: number | undefined, signal: AbortSignal | undefined): AbortSignal {
  const signals = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  return AbortSignal.any(signal === undefined ? signals : [...signals, signal]);
}
