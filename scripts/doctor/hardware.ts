import type { PoolConfig } from "../../src/config/mod.ts";
import type { Device, HardwareInfo } from "../../src/hardware/mod.ts";
import type { Finding } from "./finding.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** The memory of a worker whose need is neither declared nor measured. */
const UNKNOWN_WORKER_BYTES = 64 * MIB;

/** A pool as the checks of its needs see it. */
export interface PoolNeed extends Pick<PoolConfig, "name" | "limits"> {
  /** The number of workers. */
  readonly size: number;
  /** The threads of each library in a worker. */
  readonly threads: number;
  /** The resident memory of one idle worker; undefined if none could be started. */
  readonly rssBytes?: number | undefined;
}

/** Lists the processor, the memory and the devices, and what could not be found out. */
export function hardwareFindings(info: HardwareInfo): Finding[] {
  return [cpuFinding(info), memoryFinding(info), devicesFinding(info), ...problemFindings(info)];
}

function cpuFinding({ cpu }: HardwareInfo): Finding {
  const { logicalCores, usableCores } = cpu;
  const model = cpu.model ?? "unknown model";
  const isBounded = logicalCores !== null && usableCores < logicalCores;
  const cores = isBounded
    ? `${usableCores} of ${logicalCores} logical cores may be used (affinity or quota)`
    : `${usableCores} logical ${usableCores === 1 ? "core" : "cores"}`;
  return { name: "processor", state: "ok", text: `${model}: ${cores}` };
}

function memoryFinding({ memory }: HardwareInfo): Finding {
  const { availableBytes, limitBytes, totalBytes } = memory;
  const total = totalBytes === null ? "unknown size" : sizeText(totalBytes);
  const text = limitBytes === null ? total : `at most ${sizeText(limitBytes)} of ${total}`;
  const available = availableBytes === null ? "" : `, ${sizeText(availableBytes)} available`;
  return { name: "memory", state: "ok", text: text + available };
}

function devicesFinding(info: HardwareInfo): Finding {
  const lines = accelerators(info).map((device) => {
    const { arch, driver, id, kind, memoryBytes, name, runtime } = device;
    const facts = [
      name,
      ...(memoryBytes === null ? [] : [sizeText(memoryBytes)]),
      ...(arch === null ? [] : [kind === "cuda" ? `compute capability ${arch}` : arch]),
      ...(driver === null ? [] : [`driver ${driver}`]),
      ...(runtime === null ? [] : [`up to ${kind === "cuda" ? "CUDA" : "ROCm"} ${runtime}`]),
      ...(device.visible ? [] : ["hidden by a variable of this environment"]),
    ];
    return `${id}: ${facts.join(", ")}`;
  });
  const text = lines.length === 0 ? "no accelerator" : lines.join("\n");
  return { name: "devices", state: "ok", text };
}

/** A tool that is missing is no problem: most machines have none of them. */
function problemFindings({ problems }: HardwareInfo): Finding[] {
  return problems.filter(({ what }) => what !== "missing").map(({ probe, text }) => ({
    name: `probe ${probe}`,
    state: "warning",
    text,
    ...mendOf(probe),
  }));
}

/** Probes are commands, variables of the host, or parts of the machine, such as `memory`. */
function mendOf(probe: string): Pick<Finding, "mend"> {
  if (/^[A-Z_]+$/.test(probe)) return { mend: `change or unset the variable ${probe}` };
  return /[-_]/.test(probe) ? { mend: `run ${probe} by hand to see why` } : {};
}

/** Checks that the workers of all pools, with their threads, have enough cores. */
export function coresFinding(pools: readonly PoolNeed[], { cpu }: HardwareInfo): Finding {
  const name = "cores for workers";
  const workers = sum(pools.map(({ size }) => size));
  const threads = sum(pools.map(({ size, threads }) => size * threads));
  const text = `${workers} workers with ${threads} threads of libraries on ${cpu.usableCores} ` +
    `usable ${cpu.usableCores === 1 ? "core" : "cores"}`;
  // A pool has at least two workers by default, so that one can be replaced.
  if (threads <= Math.max(2, cpu.usableCores)) return { name, state: "ok", text };
  return {
    name,
    state: "warning",
    text,
    mend: "lower `size` or `libraryThreads` of the pools, unless their calls mostly wait",
  };
}

/** Checks that the workers of all pools fit into the memory. */
export function memoryNeedFinding(pools: readonly PoolNeed[], { memory }: HardwareInfo): Finding {
  const name = "memory for workers";
  const limit = memory.limitBytes ?? memory.totalBytes;
  const needs = pools.map(({ limits, name, rssBytes, size }) => {
    const { bytes, how } = limits.memoryBytes !== undefined
      ? { bytes: limits.memoryBytes, how: "at most" }
      : rssBytes !== undefined
      ? { bytes: Math.max(rssBytes, UNKNOWN_WORKER_BYTES), how: "at least" }
      : { bytes: UNKNOWN_WORKER_BYTES, how: "at least" };
    return { bytes: size * bytes, text: `${name} ${size} x ${how} ${mib(bytes)}` };
  });
  const total = sum(needs.map(({ bytes }) => bytes));
  const text = `${needs.map((it) => it.text).join(", ")}: ${mib(total)}`;
  if (limit === null) return { name, state: "ok", text };
  const of = `${text} of ${memory.limitBytes === null ? "" : "the limit of "}${mib(limit)}`;
  if (total <= limit) return { name, state: "ok", text: of };
  return {
    name,
    state: "warning",
    text: of,
    mend:
      "lower `size` or `limits.memoryBytes` of the pools, or raise the limit of the container; " +
      "otherwise the system may kill workers or the server",
  };
}

/** Warns if no pool assigns the accelerators of the machine to its workers. */
export function unusedDevicesFindings(
  info: HardwareInfo,
  pools: readonly { readonly devices?: unknown }[],
): Finding[] {
  const assigns = pools.some(({ devices = "inherit" }) => devices !== "inherit");
  // The GPU of a Mac is always there, and there is only one to assign.
  const idle = accelerators(info).filter(({ kind, visible }) => visible && kind !== "mps");
  if (assigns || idle.length === 0) return [];
  return [{
    name: "unused devices",
    state: "warning",
    text: `${idle.map(({ id }) => id).join(", ")}: no pool has \`devices\`, so every worker may ` +
      "use all of them, or none",
    mend: 'give a pool `"devices": "auto"`; see docs/devices.md',
  }];
}

function accelerators({ devices }: HardwareInfo): Device[] {
  return devices.filter(({ kind }) => kind !== "cpu");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, it) => total + it, 0);
}

function sizeText(bytes: number): string {
  return bytes < GIB ? mib(bytes) : `${(bytes / GIB).toFixed(1)} GiB`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
