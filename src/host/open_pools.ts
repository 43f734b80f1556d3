import type { SizedConfig, SizedPoolConfig } from "../config/mod.ts";
import type { Placement } from "../hardware/mod.ts";
import {
  DeviceDemand,
  type DeviceHealth,
  type HostServices,
  Pool,
  PoolGroup,
  type StartCap,
  StatsCounter,
} from "../pool/mod.ts";
import { moduleCure } from "./module_cure.ts";
import { type LauncherParts, workerLauncher } from "./worker_launcher.ts";

/** Parts that the workers of all pools share. */
export interface PoolsParts extends LauncherParts {
  readonly config: Pick<SizedConfig, "dev" | "limits" | "pools">;
  /** The devices of the pools, by the name of the pool. */
  readonly placements: ReadonlyMap<string, Placement>;
  /** The health of these devices, which all pools share. */
  readonly deviceHealth: DeviceHealth;
  /** The memory that starts of all pools are about to take. */
  readonly deviceDemand: DeviceDemand;
  /** Returns the memory that is free on a device; null if it is unknown. */
  readonly freeDeviceBytes: (deviceId: string) => Promise<number | null>;
  /** The limit on the workers of all pools. */
  readonly cap: { of(pool: () => Pool): StartCap };
  /** Answers what tools ask the host for. */
  readonly services: HostServices;
}

/** A pool with its configuration, and the counter of its calls. */
export interface OpenedPool {
  readonly config: SizedPoolConfig;
  readonly pool: Pool;
  readonly stats: StatsCounter;
}

/** Creates a pool, which has no workers until it is started. */
export function openPool(
  config: SizedPoolConfig,
  parts: PoolsParts,
  { before }: { readonly before?: StatsCounter | undefined } = {},
): OpenedPool {
  const stats = new StatsCounter(before);
  const pool: Pool = new Pool(
    {
      ...config,
      recycle: { ...config.recycle, isIsolated: config.isolate === "call" },
      places: parts.placements.get(config.name)?.places ?? [],
      dev: parts.config.dev,
      moduleCure: moduleCure(config, parts.pythons.of(config.name)).ofCalls,
    },
    {
      launcher: workerLauncher(config, parts),
      deviceHealth: parts.deviceHealth,
      deviceDemand: parts.deviceDemand,
      freeDeviceBytes: parts.freeDeviceBytes,
      services: parts.services,
      cap: parts.cap.of(() => pool),
      stats,
    },
  );
  return { config, pool, stats };
}

/** Groups pools, to be started and stopped together. */
export function groupOf(opened: readonly OpenedPool[]): PoolGroup {
  return new PoolGroup(new Map(opened.map(({ pool }) => [pool.name, pool])));
}
