import { defaultPoolSize, invalidConfig, type PoolConfig, type ReadEnv } from "../../config/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";
import { readVariable } from "../../granted.ts";
import { brokenProbes, deviceNames } from "../absence.ts";
import type { Device } from "../device.ts";
import type { HardwareInfo } from "../hardware_info.ts";
import { newDevice } from "../new_device.ts";
import { findDevices, type Machine } from "./find_devices.ts";
import type { Place } from "./place.ts";
import { placeEnv } from "./place_env.ts";
import { memoryWarning, type PoolPart, reservationIssues, shareOf } from "./reservations.ts";

/** The settings of a pool by which its workers get devices. */
export type PoolNeeds = Pick<
  PoolConfig,
  | "name"
  | "size"
  | "max"
  | "devices"
  | "workersPerDevice"
  | "deviceMemoryPerWorkerBytes"
  | "env"
  | "inheritEnv"
>;

/** The workers of a pool, and their devices. */
export interface Placement {
  /** The most workers. */
  readonly size: number;
  /**
   * The places of the slots, one a device: slot i has `places[i % places.length]`. Empty if the
   * workers see what the host sees.
   */
  readonly places: readonly Place[];
  /** A doubt about the placement, for a person. */
  readonly warning?: string | undefined;
}

/** Options of {@link placePools}. */
export interface PlacePoolsOptions {
  /** Default: the environment of this process. */
  readonly env?: ReadEnv;
}

/** The most workers of a pool, as the schema of `size` has it. */
const MAX_SIZE = 256;

/** The processor, where nothing needs to be known of it. */
const PROCESSOR = newDevice({ id: "cpu", kind: "cpu", index: 0, name: "CPU", unified: true });

/** Returns true if {@link placePools} must know the hardware to place these pools. */
export function needsHardware(
  pools: readonly Pick<PoolNeeds, "devices" | "deviceMemoryPerWorkerBytes">[],
): boolean {
  return pools.some(({ devices, deviceMemoryPerWorkerBytes }) =>
    devices !== "inherit" && (devices !== "cpu" || deviceMemoryPerWorkerBytes !== undefined)
  );
}

/**
 * Spreads the workers of all pools over the devices that each pool asks for. `hardware` may be
 * undefined if {@link needsHardware} returns false.
 *
 * @throws {SnakedenError} `device_unavailable` if a pool asks for a device that is not there.
 * @throws {InvalidInputError} `config_invalid` if a size does not suit the devices, or if the pools
 * reserve more memory than a device has.
 */
export function placePools(
  pools: readonly PoolNeeds[],
  hardware: HardwareInfo | undefined,
  { env = readVariable }: PlacePoolsOptions = {},
): ReadonlyMap<string, Placement> {
  const machine: Machine = {
    devices: hardware?.devices ?? [PROCESSOR],
    memory: hardware?.memory ?? { totalBytes: null, availableBytes: null, limitBytes: null },
    problems: hardware?.problems ?? [],
    env,
  };
  const choices = chooseDevices(pools, machine);
  const issues = choices.flatMap(choiceIssues);
  if (issues.length > 0) throw invalidConfig("", issues);
  const parts = choices.flatMap(partsOf);
  const excess = reservationIssues(parts, machine.memory);
  if (excess.length > 0) throw invalidConfig("", excess);
  return new Map(choices.map((choice) => {
    const { name } = choice.pool;
    const places = parts.filter((it) => it.poolIndex === choice.index)
      .map((it) => placeOf(it, { parts, machine, pool: choice.pool }));
    const doubts = [fallbackWarning(choice, machine), memoryWarning(name, parts, machine.memory)];
    const warning = doubts.filter((it) => it !== undefined).join("; ") || undefined;
    return [name, {
      size: sizeOf(choice),
      places,
      ...(warning === undefined ? {} : { warning }),
    }];
  }));
}

/** The devices of a pool; none if it inherits those of the host. */
interface Choice {
  readonly pool: PoolNeeds;
  readonly index: number;
  /** The number of pools of the host. */
  readonly poolCount: number;
  readonly devices: readonly Device[];
}

/** Finds the devices of all pools, or names all that are not there. */
function chooseDevices(pools: readonly PoolNeeds[], machine: Machine): Choice[] {
  const tried: { readonly pool: string; readonly want: string; readonly why: string }[] = [];
  const choices = pools.map((pool, index) => {
    const wants = pool.devices === "inherit" ? [] : [pool.devices].flat();
    const devices = wants.flatMap((want) => {
      const found = findDevices(want, machine);
      if ("devices" in found) return found.devices;
      tried.push({ pool: pool.name, want, why: found.why });
      return [];
    });
    return { pool, index, devices, poolCount: pools.length };
  });
  if (tried.length === 0) return choices;
  const list = tried.map(({ pool, want, why }) => `\n  pool ${pool}: ${want}: ${why}`);
  throw new SnakedenError(
    "device_unavailable",
    `Cannot give every pool its devices; this machine has ${deviceNames(machine)}${list.join("")}`,
    { details: { tried } },
  );
}

/** Returns a doubt about `auto`, which also takes the processor if a vendor's tool is broken. */
function fallbackWarning({ pool, devices }: Choice, { problems }: Machine): string | undefined {
  if (pool.devices !== "auto" || devices.some(({ kind }) => kind !== "cpu")) return undefined;
  const broken = brokenProbes(problems);
  if (broken.length === 0) return undefined;
  return `it uses the processor, since no accelerator was found: ${broken.join("; ")}`;
}

function choiceIssues({ pool, index, devices }: Choice): FieldIssue[] {
  const { workersPerDevice, max } = pool;
  const [sizeKey, size] = max === undefined ? ["size", pool.size] : ["max", max];
  const count = devices.length;
  const path = `pools[${index}]`;
  if (count === 0) return [];
  const repeated = devices.find((it, k) => devices.indexOf(it) !== k);
  if (repeated !== undefined) {
    return [{
      path: `${path}.devices`,
      message: `given ${repeated.id} twice: by its id, and by that of its GPU; allowed: each ` +
        "device once",
    }];
  }
  const ids = devices.map(({ id }) => id).join(", ");
  const what = `${count} ${count === 1 ? "device" : "devices"} (${ids})`;
  if (size === undefined) {
    const workers = count * (workersPerDevice ?? 1);
    if (workers <= MAX_SIZE) return [];
    const [key, given] = workersPerDevice === undefined
      ? ["devices", ""]
      : ["workersPerDevice", `given ${workersPerDevice}, which `];
    return [{
      path: `${path}.${key}`,
      message: `${given}makes ${workers} workers on ${what}; allowed: at most ${MAX_SIZE} workers`,
    }];
  }
  if (workersPerDevice !== undefined && size !== count * workersPerDevice) {
    return [{
      path: `${path}.${sizeKey}`,
      message: `given ${size}, but ${what} with workersPerDevice ${workersPerDevice} make ` +
        `${count * workersPerDevice} workers; allowed: ${count * workersPerDevice}, or leave out ` +
        "one of the two keys",
    }];
  }
  if (size % count !== 0) {
    return [{
      path: `${path}.${sizeKey}`,
      message:
        `given ${size}, which is not a multiple of its ${what}; allowed: a multiple of ${count}`,
    }];
  }
  return [];
}

function sizeOf({ pool, devices, poolCount }: Choice): number {
  const { workersPerDevice, max, size = max } = pool;
  if (size !== undefined) return size;
  const hasAccelerator = devices.some(({ kind }) => kind !== "cpu");
  return hasAccelerator || workersPerDevice !== undefined
    ? devices.length * (workersPerDevice ?? 1)
    : defaultPoolSize(poolCount);
}

function partsOf(choice: Choice): PoolPart[] {
  const { pool, index, devices } = choice;
  return devices.map((device) => ({
    pool: pool.name,
    poolIndex: index,
    device,
    workers: sizeOf(choice) / devices.length,
    reservedBytes: pool.deviceMemoryPerWorkerBytes,
  }));
}

function placeOf(
  part: PoolPart,
  { parts, machine, pool }: {
    readonly parts: readonly PoolPart[];
    readonly machine: Machine;
    readonly pool: PoolNeeds;
  },
): Place {
  const { device, reservedBytes } = part;
  const sharers = parts.filter((it) => it.device.id === device.id);
  const { share, memoryFraction } = shareOf(part, sharers, machine.memory);
  const env = placeEnv({ device, share, memoryFraction }, machine.env);
  return { device, share, reservedBytes, env: withoutOwn(env, pool, machine) };
}

/** Leaves out the variables that the pool sets itself. */
function withoutOwn(
  env: Readonly<Record<string, string>>,
  pool: PoolNeeds,
  machine: Machine,
): Record<string, string> {
  const own = new Set([
    ...Object.keys(pool.env),
    ...pool.inheritEnv.filter((name) => machine.env(name) !== undefined),
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.has(name)));
}
