import type { LimitCode, WorkerExit } from "../../errors.ts";

/**
 * Limits of the workers of a pool. A worker limits itself, except for its memory, which the pool
 * watches.
 */
export interface WorkerLimits {
  /** The resident memory of the worker and its children. */
  readonly memoryBytes?: number | undefined;
  /** The limit RLIMIT_DATA. */
  readonly dataBytes?: number | undefined;
  /** The limit RLIMIT_NOFILE. */
  readonly openFiles?: number | undefined;
  /** The CPU time of one call. */
  readonly cpuSeconds?: number | undefined;
  readonly nice?: number | undefined;
}

/** A limit that a worker exceeded, and was ended for. */
export interface Breach {
  readonly code: LimitCode;
  /** The key of the limit in the configuration. */
  readonly limit: keyof WorkerLimits;
  readonly allowed: number;
  /** The measured value, if there is one. */
  readonly measured?: number;
  /** The breach as the end of a sentence whose subject is the worker. */
  readonly text: string;
}

/** Returns the breach of the memory limit by a worker that holds `rssBytes`; undefined if none. */
export function memoryBreach(
  { memoryBytes = Infinity }: WorkerLimits,
  rssBytes: number,
): Breach | undefined {
  if (rssBytes <= memoryBytes) return undefined;
  return {
    code: "out_of_memory",
    limit: "memoryBytes",
    allowed: memoryBytes,
    measured: rssBytes,
    text: `was killed: it and its children held ${inMebibytes(rssBytes)} of memory, the limit ` +
      `memoryBytes of the pool is ${inMebibytes(memoryBytes)}`,
  };
}

/** Returns the limit for which the system has ended a process; undefined if there was none. */
export function exitBreach({ cpuSeconds }: WorkerLimits, exit: WorkerExit): Breach | undefined {
  if (cpuSeconds === undefined || exit.signal !== "SIGXCPU") return undefined;
  return {
    code: "cpu_limit_exceeded",
    limit: "cpuSeconds",
    allowed: cpuSeconds,
    text: `was ended by the system: the call used more CPU time than the limit cpuSeconds of ` +
      `the pool allows, which is ${cpuSeconds} s`,
  };
}

/** Formats a number of bytes for a reader. */
export function inMebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
