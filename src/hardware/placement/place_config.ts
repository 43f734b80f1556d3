import type { Config, SizedConfig } from "../../config/mod.ts";
import { getLogger } from "../../log.ts";
import type { HardwareInfo } from "../hardware_info.ts";
import { needsHardware, type Placement, placePools } from "./place_pools.ts";

/** The part of the hardware that a placement needs. */
export interface HardwareSource {
  /** `maxAgeMs` is the age up to which free memory and load are not read again. */
  detect(
    options?: { readonly signal?: AbortSignal | undefined; readonly maxAgeMs?: number },
  ): Promise<HardwareInfo>;
}

/** A configuration whose pools have their devices. */
export interface PlacedConfig {
  /** The configuration, with the sizes of all pools. */
  readonly config: SizedConfig;
  /** By the name of the pool. */
  readonly placements: ReadonlyMap<string, Placement>;
}

/**
 * Gives the pools of a configuration their devices. Looks for devices only if a pool asks for some,
 * since that can take seconds.
 *
 * @throws {SnakedenError} `device_unavailable` or `config_invalid`; see {@link placePools}.
 */
export async function placeConfig(
  config: Config,
  hardware: HardwareSource,
  signal?: AbortSignal,
): Promise<PlacedConfig> {
  const info = needsHardware(config.pools) ? await hardware.detect({ signal }) : undefined;
  const placements = placePools(config.pools, info);
  const pools = config.pools.map((pool) => ({ ...pool, size: sizeOf(pool, placements) }));
  return { config: { ...config, pools }, placements };
}

function sizeOf(
  { name, size }: Config["pools"][number],
  placements: ReadonlyMap<string, Placement>,
): number {
  const found = placements.get(name)?.size ?? size;
  if (found === undefined) throw new TypeError(`the pool ${name} has no size`);
  return found;
}

/** Logs the devices of each pool that has some. */
export function logPlacements({ placements }: PlacedConfig): void {
  const log = getLogger("pool");
  for (const [pool, { size, places, warning }] of placements) {
    if (places.length === 0) continue;
    log.info("pool {pool}: {workers} on {devices}", {
      pool,
      workers: size === 1 ? "1 worker" : `${size} workers`,
      devices: placesText({ size, places }),
    });
    if (warning !== undefined) log.warn("pool {pool}: {warning}", { pool, warning });
  }
}

/** Names the devices of a pool, each with the number of its workers. */
export function placesText({ size, places }: Pick<Placement, "size" | "places">): string {
  const each = size / places.length;
  return places.map(({ device }) => `${device.id} (${each})`).join(", ");
}
