import type { Place } from "../../../hardware/mod.ts";
import { WORKER_ENV } from "../../../process/mod.ts";

/**
 * Returns the variables by which a worker and its libraries find the device of its place; none for
 * a worker without a place.
 */
export function deviceEnv(place: Place | undefined): Record<string, string> {
  if (place === undefined) return {};
  const { device: { id, kind, index, uuid, name, memoryBytes }, share, reservedBytes = null } =
    place;
  const description = { id, kind, index, uuid, name, memoryBytes, share, reservedBytes };
  return { ...place.env, [WORKER_ENV.device]: JSON.stringify(description) };
}
