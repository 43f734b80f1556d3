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
    message: `given ${first.reservedBytes}, which makes the pools reserve ` +
      `${mib(sumBytes, Math.ceil)} of ${name} (${shares.join(", ")}), which has ` +
      `${mib(allBytes, Math.floor)}; allowed: at most ${allBytes} bytes for all of them together`,
  }];
}

/** Returns the doubts about the memory of a pool, as a text for a person; undefined if none. */
export function memoryWarning(
  pool: string,
  parts: readonly PoolPart[],
  memory: MemoryInfo,
): string | undefined {
  const own = parts.filter((it) => it.pool === pool);
  const idsOf = (those: readonly PoolPart[]): string =>
    those.map(({ device }) => device.id).join(", ");
  const unchecked = own.filter(({ device, reservedBytes }) =>
    reservedBytes !== undefined && memoryOf(device, memory) === null
  );
  const starved = own.filter((it) => {
    const sharers = parts.filter(({ device }) => device.id === it.device.id);
    return it.reservedBytes === undefined && leftOf(sharers, memoryOf(it.device, memory)) <= 0;
  });
  const texts = [
    ...(unchecked.length === 0 ? [] : [
      `its reservations are not checked, since the memory of ${idsOf(unchecked)} is unknown`,
    ]),
    ...(starved.length === 0 ? [] : [
      `other pools reserve all memory of ${idsOf(starved)}, and it reserves none`,
    ]),
  ];
  return texts.length === 0 ? undefined : texts.join("; ");
}

/** The part of its device that a worker may use. */
export interface Share {
  readonly share: number;
  /** The part of the memory that its libraries should allocate at most. */
  readonly memoryFraction: number;
}

/** A hundredth is the smallest fraction that the variables of libraries express. */
const MIN_SHARE = 0.01;

/**
 * Divides a device among its workers: each has what its pool reserves, and those without a
 * reservation share the rest alike. Of that, a tenth is left for the contexts of libraries, which
 * count in no limit.
 *
 * @param sharers The parts of all pools on the device.
 */
export function shareOf(
  { device, reservedBytes }: PoolPart,
  sharers: readonly PoolPart[],
  memory: MemoryInfo,
): Share {
  const allBytes = memoryOf(device, memory);
  if (workersOf(sharers) === 1) return { share: 1, memoryFraction: 1 };
  if (allBytes !== null && reservedBytes !== undefined) {
    const share = Math.max(MIN_SHARE, reservedBytes / allBytes);
    return { share, memoryFraction: share };
  }
  const others = allBytes === null
    ? sharers
    : sharers.filter((it) => it.reservedBytes === undefined);
  const share = Math.max(MIN_SHARE, leftOf(sharers, allBytes) / workersOf(others));
  return { share, memoryFraction: Math.max(MIN_SHARE, 0.9 * share) };
}

/** Returns the part of a device that nobody reserves. */
function leftOf(sharers: readonly PoolPart[], allBytes: number | null): number {
  if (allBytes === null) return 1;
  return 1 - sharers.reduce((sum, it) => sum + bytesOf(it), 0) / allBytes;
}

function workersOf(parts: readonly PoolPart[]): number {
  return parts.reduce((sum, it) => sum + it.workers, 0);
}

function bytesOf({ workers, reservedBytes = 0 }: PoolPart): number {
  return workers * reservedBytes;
}

function mib(bytes: number, round: (n: number) => number): string {
  return `${round(bytes / MIB)} MiB`;
}
