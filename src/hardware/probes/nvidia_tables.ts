import { isUnknown, readIndex, readMemory, readNumber, readShare, readText } from "./readings.ts";
import type { Table } from "./table.ts";

/** The fields of the query, in the order of the cells. No version has a field `cuda_version`. */
export const QUERY_FIELDS: readonly string[] = [
  "index",
  "uuid",
  "pci.bus_id",
  "name",
  "compute_cap",
  "driver_version",
  "mig.mode.current",
  "memory.total",
  "memory.free",
  "utilization.gpu",
  "temperature.gpu",
  "power.draw",
];

/** The fields that every driver knows. One unknown field makes a whole query fail. */
export const FALLBACK_FIELDS: readonly string[] = [
  "index",
  "uuid",
  "pci.bus_id",
  "name",
  "driver_version",
  "memory.total",
  "memory.free",
];

/** The fields of values that change. */
export const LOAD_FIELDS: readonly string[] = [
  "index",
  "uuid",
  "memory.free",
  "utilization.gpu",
  "temperature.gpu",
  "power.draw",
];

/** Limits above which a text is no table, so that garbage does not hold the event loop. */
const MAX_LINES = 1_024;
const MAX_LINE_CHARS = 4_096;

/** A row of the query. */
export interface GpuRow {
  readonly index: number;
  readonly uuid: string | null;
  readonly name: string | null;
  readonly arch: string | null;
  readonly driver: string | null;
  /** Null if the query did not ask for it. */
  readonly isMig: boolean | null;
  readonly memoryBytes: number | null;
  readonly freeBytes: number | null;
  /** True if the GPU has no memory of its own. */
  readonly unified: boolean;
  readonly utilization: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerWatts: number | null;
}

/** A GPU in the list of `nvidia-smi -L`, with its MIG instances. */
export interface ListedGpu {
  readonly index: number;
  readonly uuid: string;
  readonly instances: readonly MigInstance[];
}

/** A MIG instance of a GPU. */
export interface MigInstance {
  /** Its number on the GPU. */
  readonly number: number;
  /** Such as `1g.10gb+me`. */
  readonly profile: string;
  readonly uuid: string;
}

/** Reads the table of a query for `fields`. */
export function readGpuRows(text: string, fields: readonly string[]): Table<GpuRow> {
  if (text.trim() === "") return { rows: [], unreadable: [""] };
  const rows = new Map<number, GpuRow>();
  const unreadable: string[] = [];
  for (const line of linesOf(text)) {
    const row = readGpuRow(line, fields);
    if (row === null || rows.has(row.index)) unreadable.push(line);
    else rows.set(row.index, row);
  }
  return { rows: [...rows.values()].sort((a, b) => a.index - b.index), unreadable };
}

/** Returns the lines that are not blank. */
function linesOf(text: string): string[] {
  return text.split("\n", MAX_LINES).filter((it) => it.trim() !== "");
}

function readGpuRow(line: string, fields: readonly string[]): GpuRow | null {
  const cells = cellsOf(line, fields);
  const index = readIndex(cells?.get("index"));
  if (cells === null || index === null) return null;
  const uuid = cells.get("uuid") ?? "";
  const bus = cells.get("pci.bus_id") ?? "";
  if (!isUnknown(uuid) && !/^GPU-[\w-]{1,64}$/.test(uuid)) return null;
  if (!isUnknown(bus) && !/^[\da-f]{1,8}:[\da-f]{1,4}:[\da-f]{1,4}\.\d$/i.test(bus)) return null;
  const name = readText(cells.get("name"));
  // A GPU without a name and an id is lost, or it is no GPU.
  if (isUnknown(uuid) && name === null && fields.includes("name")) return null;
  const total = cells.get("memory.total") ?? "";
  const mig = cells.get("mig.mode.current");
  return {
    index,
    uuid: isUnknown(uuid) ? null : uuid,
    name,
    arch: readVersion(cells.get("compute_cap")),
    driver: readText(cells.get("driver_version")),
    isMig: mig === undefined ? null : /^enabled$/i.test(mig),
    memoryBytes: readMemory(total, "mib"),
    freeBytes: readFree(cells.get("memory.free")),
    unified: /^\[?(?:n\/a|not supported)\]?$/i.test(total),
    utilization: readShare(cells.get("utilization.gpu")),
    temperatureCelsius: readNumber(cells.get("temperature.gpu")),
    powerWatts: readNumber(cells.get("power.draw")),
  };
}

/**
 * Returns the cells of a row by field. A name may contain ", ". A comma without a space may be part
 * of a number, unless it separates all cells.
 */
function cellsOf(line: string, fields: readonly string[]): Map<string, string> | null {
  if (line.length > MAX_LINE_CHARS) return null;
  const dense = line.split(",");
  const cells = (dense.length === fields.length ? dense : line.split(/,\s/)).map((it) => it.trim());
  const surplus = cells.length - fields.length;
  const at = fields.indexOf("name");
  if (surplus < 0 || (surplus > 0 && at < 0)) return null;
  const name = cells.slice(at, at + surplus + 1).join(", ");
  const whole = surplus === 0 ? cells : cells.toSpliced(at, surplus + 1, name);
  return new Map(fields.map((field, i) => [field, whole[i] ?? ""]));
}

function readVersion(cell: string | undefined): string | null {
  const text = readText(cell);
  return text !== null && /^\d{1,3}\.\d{1,3}$/.test(text) ? text : null;
}

function readFree(cell: string | undefined): number | null {
  const mib = readNumber(cell);
  return mib === null ? null : mib * 1024 * 1024;
}

/** Reads the list of `nvidia-smi -L`. */
export function readGpuList(text: string): Table<ListedGpu> {
  const gpus: { index: number; uuid: string; instances: MigInstance[] }[] = [];
  // Undefined after a GPU that could not be read, so that no other one gets its instances.
  let owner: typeof gpus[number] | undefined;
  const unreadable: string[] = [];
  for (const line of linesOf(text)) {
    const gpu = /^GPU (\d{1,4}): .{0,200}\(UUID: (GPU-[\w-]{1,64})\)\s*$/.exec(line);
    if (gpu !== null) {
      owner = { index: Number(gpu[1]), uuid: gpu[2] ?? "", instances: [] };
      gpus.push(owner);
      continue;
    }
    const instance = readInstance(line);
    if (/^\S/.test(line)) owner = undefined;
    if (instance === null || owner === undefined) unreadable.push(line);
    else owner.instances.push(instance);
  }
  return { rows: gpus, unreadable };
}

/**
 * Reads `  MIG 1g.12gb     Device  0: (UUID: MIG-...)`. Old drivers write ids of the form
 * `MIG-GPU-.../7/0`.
 */
function readInstance(line: string): MigInstance | null {
  const pattern =
    /^\s{0,8}MIG\s{1,20}(\S{1,40})\s{1,40}Device\s{1,20}(\d{1,4}):\s{1,20}\(UUID: (MIG-[\w/-]{1,100})\)\s*$/;
  const [, profile, number, uuid] = pattern.exec(line) ?? [];
  if (profile === undefined || number === undefined || uuid === undefined) return null;
  return { number: Number(number), profile, uuid };
}

/**
 * Returns the memory that the name of a MIG profile promises, such as 10 GB for `1g.10gb+me`. The
 * instance has a little more or less; the tool does not tell.
 */
export function profileBytes(profile: string): number | null {
  const gigabytes = Number(/(?:^|\.)(\d{1,4})gb(?:[+.-]|$)/.exec(profile)?.[1] ?? 0);
  return gigabytes === 0 ? null : gigabytes * 1e9;
}

/** Returns the newest CUDA that the driver supports, from the header of plain `nvidia-smi`. */
export function readCudaVersion(text: string): string | null {
  return /CUDA(?: \w{1,10})? Version: {0,10}(\d{1,3}\.\d{1,3})\b/.exec(text)?.[1] ?? null;
}
