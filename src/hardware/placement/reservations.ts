import type { FieldIssue } from "../../errors.ts";
import type { Device } from "../device.ts";
import type { MemoryInfo } from "../hardware_info.ts";

const MIB = 1024 * 1024;

/** A part of a pool: its workers on one device. */
export interface PoolPart {
  readonly pool: string;
  /** The place of the pool in the configuration. */
  readonly poolIndex: number;
  readonly device: Device;
  readonly workers: number;
  /** The memory that the pool reserves for each of them. */
  readonly reservedBytes: number | undefined;
}

/** Returns the memory of a device; null if it is unknown. */
export function memoryOf(device: Device, memory: MemoryInfo): number | null {
  return isMachines(device) ? memory.limitBytes ?? memory.totalBytes : device.memoryBytes;
}

/** Returns true if the device has no memory of its own, but shares that of the machine. */
function isMachines({ kind, unified }: Device): boolean {
  return kind === "cpu" || unified;
}

/** Returns the key of the memory that a device uses; devices can have one in common. */
export function memoryKey(device: Device): string {
  return isMachines(device) ? "the machine" : device.id;
}

/** Returns a problem for each memory for which pools reserve more than there is. */
export function reservationIssues(
  parts: readonly PoolPart[],
  memory: MemoryInfo,
): FieldIssue[] {
  const reserving = parts.filter((it) => it.reservedBytes !== undefined);
  const byMemory = Map.groupBy(reserving, ({ device }) => memoryKey(device));
  const issues = [...byMemory].flatMap(([key, sharers]) => issueOf(key, sharers, memory));
  // Like devices have like problems; one for each pool says enough.
  return issues.filter(({ path }, i) => issues.findIndex((it) => it.path === path) === i);
}

function issueOf(key: string, sharers: readonly PoolPart[], memory: MemoryInfo): FieldIssue[] {
  const [first] = sharers;
  if (first === undefined) return [];
  const allBytes = memoryOf(first.device, memory);
  const sumBytes = sharers.reduce((sum, it) => sum + bytesOf(it), 0);
  if (allBytes === null || sumBytes <= allBytes) return [];
  const shares = sharers.map((it) =>
    `${it.pool}: ${it.workers} x ${mib(it.reservedBytes ?? 0, Math.ceil)}`
  );
  const name = key === first.device.id ? `${key} (${first.device.name})` : key;
  return [{
    path: `pools[${first.poolIndex}].deviceMemoryPerWorkerBytes`,
    message: `given ${first.reservedBytes}, with which the pools reserve ` +
      `${mib(sumBytes, Math.ceil)} of ${name} (${shares.join(", ")}), which has ` +
      `${mib(allBytes, Math.floor)}; allowed: reservations of all pools that fit the device`,
  }];
}

/** Returns a warning for each pool whose reservations cannot be checked. */
export function uncheckedReservations(
  parts: readonly PoolPart[],
  memory: MemoryInfo,
): ReadonlyMap<string, string> {
  const unknown = parts.filter(({ device, reservedBytes }) =>
    reservedBytes !== undefined && memoryOf(device, memory) === null
  );
  return new Map(
    [...Map.groupBy(unknown, ({ pool }) => pool)].map(([pool, those]) => [
      pool,
      "its reservations of memory are not checked: the memory of " +
      `${those.map(({ device }) => device.id).join(", ")} is unknown`,
    ]),
  );
}

/**
 * Returns the part of the memory of its device that each worker of a part should allocate at
 * most. Workers without a reservation share what the others leave, less a tenth for the contexts of
 * the libraries.
 */
export function memoryFraction(
  part: PoolPart,
  sharers: readonly PoolPart[],
  memory: MemoryInfo,
): number {
  const workers = (those: readonly PoolPart[]): number =>
    those.reduce((sum, it) => sum + it.workers, 0);
  const allBytes = memoryOf(part.device, memory);
  if (allBytes === null || allBytes === 0) return 0.9 / workers(sharers);
  if (part.reservedBytes !== undefined) return part.reservedBytes / allBytes;
  const reserved = sharers.reduce((sum, it) => sum + bytesOf(it), 0);
  const others = sharers.filter((it) => it.reservedBytes === undefined);
  return 0.9 * (1 - reserved / allBytes) / workers(others);
}

function bytesOf({ workers, reservedBytes = 0 }: PoolPart): number {
  return workers * reservedBytes;
}

function mib(bytes: number, round: (n: number) => number): string {
  return `${round(bytes / MIB)} MiB`;
}
