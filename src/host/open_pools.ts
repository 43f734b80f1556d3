import type { SizedConfig } from "../config/mod.ts";
import type { Placement } from "../hardware/mod.ts";
import {
  DeviceDemand,
  type DeviceHealth,
  type HostServices,
  Pool,
  PoolGroup,
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
  /** Returns the memory that is free on a device; null if it is unknown. */
  readonly freeDeviceBytes: (deviceId: string) => Promise<number | null>;
  /** Answers what tools ask the host for. */
  readonly services: HostServices;
}

/** Creates the pools of the configuration, which have no workers until they are started. */
export function openPools(parts: PoolsParts): PoolGroup {
  const deviceDemand = new DeviceDemand();
  return new PoolGroup(
    new Map(parts.config.pools.map((pool) => [
      pool.name,
      new Pool(
        {
          ...pool,
          recycle: { ...pool.recycle, isIsolated: pool.isolate === "call" },
          places: parts.placements.get(pool.name)?.places ?? [],
          dev: parts.config.dev,
          moduleCure: moduleCure(pool, parts.pythons.of(pool.name)).ofCalls,
        },
        {
          launcher: workerLauncher(pool, parts),
          deviceHealth: parts.deviceHealth,
          deviceDemand,
          freeDeviceBytes: parts.freeDeviceBytes,
          services: parts.services,
        },
      ),
    ])),
  );
}
