import process from "node:process";
import { isGranted } from "../granted.ts";
import { MIB } from "./schema_parts.ts";

/** The part of the machine that this process may use. */
export interface MachineLimits {
  /** Hardware threads, by affinity and quota. */
  readonly usableCores: number;
  /** The memory of the machine; undefined if the program may not ask for it. */
  readonly totalBytes?: number | undefined;
  /** The limit of the container; undefined if there is none, or if the program may not ask. */
  readonly limitBytes?: number | undefined;
}

/** Two, so that one can be replaced while the other serves. */
const MIN_SIZE = 2;
const MAX_SIZE = 256;
/**
 * The memory that each worker of the default size gets. A worker with the demo adapter takes 30
 * MiB, and one that imports pandas 90 MiB; the host itself takes 120 MiB.
 */
const WORKER_BYTES = 128 * MIB;
const MAX_SHARED_BYTES = 256 * MIB;
const MIN_SHARED_BYTES = 16 * MIB;
/**
 * All files of shared memory together, two for each worker, take half of the limit at most. Less
 * would not save memory: a buffer that does not fit travels over the link, which takes more.
 */
const SHARED_PARTS = 4;

/** The memory from which on the defaults of totals do not shrink; together they are 896 MiB. */
const ROOMY_BYTES = 2048 * MIB;
const MIN_TOTAL_BYTES = 8 * MIB;

/** Asks for the limits of this process. Nothing of it prompts or throws. */
export function machineLimits(): MachineLimits {
  const usableCores = navigator.hardwareConcurrency;
  if (!isGranted({ name: "sys", kind: "systemMemoryInfo" })) return { usableCores };
  const totalBytes = Deno.systemMemoryInfo().total;
  const limitBytes = limitOf(process.constrainedMemory(), totalBytes);
  return { usableCores, totalBytes, ...(limitBytes === undefined ? {} : { limitBytes }) };
}

/** Returns the limit; undefined for none, which systems report as 0 or as all there is, or more. */
export function limitOf(constrained: number | undefined, totalBytes: number): number | undefined {
  return constrained === undefined || constrained <= 0 || constrained >= totalBytes
    ? undefined
    : constrained;
}

/**
 * Returns the default size of a pool whose workers have no devices of their own: the usable cores,
 * or fewer if the memory, shared with the other pools, does not hold as many workers.
 *
 * @param pools The number of pools of the host.
 */
export function defaultPoolSize(pools = 1, limits: MachineLimits = machineLimits()): number {
  const { limitBytes, totalBytes, usableCores } = limits;
  const memoryBytes = limitBytes ?? totalBytes ?? Infinity;
  const fitting = Math.floor(memoryBytes / pools / WORKER_BYTES);
  return Math.min(MAX_SIZE, Math.max(MIN_SIZE, Math.min(usableCores, fitting)));
}

/**
 * Returns the default size of each file of shared memory. The pages that were in use count against
 * the limit of a container if the data directory is in memory (tmpfs). On a disk, the system writes
 * them back when memory runs short.
 *
 * @param workers The number of workers of all pools.
 */
export function defaultSharedMemoryBytes(
  workers: number,
  { limitBytes = Infinity }: MachineLimits = machineLimits(),
): number {
  const share = Math.floor(limitBytes / (SHARED_PARTS * workers) / MIB) * MIB;
  return Math.min(MAX_SHARED_BYTES, Math.max(MIN_SHARED_BYTES, share));
}

/**
 * Returns the default of a total over all requests: `bytes`, or proportionally less in a container
 * with less than 2 GiB.
 */
export function defaultTotalBytes(
  bytes: number,
  { limitBytes = Infinity }: MachineLimits = machineLimits(),
): number {
  const share = bytes * Math.min(1, limitBytes / ROOMY_BYTES);
  return Math.max(MIN_TOTAL_BYTES, Math.floor(share / MIB) * MIB);
}
