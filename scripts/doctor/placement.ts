import type { Config, SizedConfig } from "../../src/config/mod.ts";
import {
  type HardwareSource,
  needsHardware,
  placeConfig,
  placesText,
} from "../../src/hardware/mod.ts";
import { type Finding, findingOf } from "./finding.ts";

/**
 * Gives the pools their devices, as a start does. If that fails, each pool has as many workers as
 * its keys say, so that the other checks can go on.
 */
export async function placePoolsOf(
  config: Config,
  hardware: HardwareSource,
  findings: Finding[],
): Promise<SizedConfig> {
  if (!needsHardware(config.pools)) return (await placeConfig(config, hardware)).config;
  const placed = await findingOf(findings, "devices of pools", async () => {
    const value = await placeConfig(config, hardware);
    const texts = [...value.placements].filter(([, { places }]) => places.length > 0)
      .map(([pool, placement]) => `${pool}: ${placesText(placement)}`);
    return { value, text: texts.join("\n") };
  });
  if (placed !== null) {
    for (const [pool, { warning }] of placed.placements) {
      if (warning === undefined) continue;
      findings.push({ name: `devices of ${pool}`, state: "warning", text: warning });
    }
    return placed.config;
  }
  const pools = config.pools.map((pool) => ({
    ...pool,
    size: pool.size ?? pool.workersPerDevice ?? 1,
  }));
  return { ...config, pools };
}
