import type { ReadEnv } from "../config/mod.ts";
import type { Device } from "./device.ts";
import type { HardwareProblem } from "./hardware_info.ts";

/** A GPU in the list of `nvidia-smi`, also if only its MIG instances are devices. */
export interface CudaGpu {
  readonly index: number;
  readonly uuid: string | null;
  readonly name: string | null;
}

/** The devices with their `visible`, and the variables that could not be followed to the letter. */
export interface VisibleDevices {
  readonly devices: readonly Device[];
  readonly problems: readonly HardwareProblem[];
}

/** Options of {@link markVisible}. */
export interface VisibleOptions {
  readonly env: ReadEnv;
  /** All GPUs of NVIDIA, in the order of the tool. */
  readonly cudaGpus: readonly CudaGpu[];
}

/**
 * Marks the devices that variables of the host hide from the programs it starts. The tools of the
 * vendors ignore these variables, and list all devices.
 *
 * Each variable is read as its own library reads it:
 * - `CUDA_VISIBLE_DEVICES`: all indices, or all beginnings of UUIDs. The list ends at the first
 *   entry that is invalid; a repeated entry makes it empty.
 * - `ROCR_VISIBLE_DEVICES`: both mixed; ends at the first entry that is invalid or repeated.
 * - `HIP_VISIBLE_DEVICES`, or else `CUDA_VISIBLE_DEVICES`: among the devices that ROCR left, in its
 *   order; ends at the first invalid entry. An empty value counts as not set.
 * - `ZE_AFFINITY_MASK`: indices; invalid ones are skipped. An empty value counts as not set.
 */
export function markVisible(
  devices: readonly Device[],
  { env, cudaGpus }: VisibleOptions,
): VisibleDevices {
  const problems: HardwareProblem[] = [];
  const cuda = visibleCuda(devices.filter(({ kind }) => kind === "cuda"), cudaGpus, env, problems);
  const rocm = visibleRocm(devices.filter(({ kind }) => kind === "rocm"), env, problems);
  const xpu = visibleXpu(devices.filter(({ kind }) => kind === "xpu"), env, problems);
  const seen = new Set([...cuda, ...rocm, ...xpu].map(({ id }) => id));
  const isFree = ({ kind }: Device): boolean => kind === "mps" || kind === "cpu";
  return {
    devices: devices.map((it) => ({ ...it, visible: isFree(it) || seen.has(it.id) })),
    problems,
  };
}

const ENDS = "names no device, so the list ends before it";

const UNKNOWN_ORDER =
  "the GPUs differ and CUDA_DEVICE_ORDER is not PCI_BUS_ID, so CUDA numbers them by speed, in an " +
  "order that only CUDA knows; the indices are read in the order of the PCI bus. Set " +
  "CUDA_DEVICE_ORDER=PCI_BUS_ID, or use UUIDs";

/** The value of a variable, entry by entry. */
interface EntryList {
  readonly variable: string;
  readonly entries: readonly string[];
}

function listOf(variable: string, value: string): EntryList {
  return { variable, entries: value.split(",").map((it) => it.trim()) };
}

function visibleCuda(
  devices: readonly Device[],
  gpus: readonly CudaGpu[],
  env: ReadEnv,
  problems: HardwareProblem[],
): readonly Device[] {
  const value = env("CUDA_VISIBLE_DEVICES");
  if (value === undefined || gpus.length === 0) return devices;
  const list = listOf("CUDA_VISIBLE_DEVICES", value);
  const prefix = /^(?:GPU|MIG)-/.exec(list.entries[0] ?? "")?.[0];
  const seen: (readonly Device[])[] = [];
  for (const [i, entry] of list.entries.entries()) {
    const found = prefix === undefined
      ? byIndex(entry, devices, gpus)
      : entry.startsWith(prefix)
      ? byUuid(entry, devices, gpus)
      : null;
    if (found === null) {
      if (!isEnd(entry)) problems.push(entryProblem(list, i, ENDS));
      break;
    }
    if (seen.some((it) => isSame(it, found))) {
      problems.push(entryProblem(list, i, "names a device again, which makes the list empty"));
      return [];
    }
    seen.push(found);
  }
  const visible = seen.flat();
  if (prefix === undefined && isOrderUnknown(devices, visible, gpus, env)) {
    problems.push(problemOf(list, UNKNOWN_ORDER));
  }
  return visible;
}

/** Returns true for the usual ways to end a list, or to name no device. */
function isEnd(entry: string): boolean {
  return entry === "" || /^-\d+$/.test(entry) || /^(?:none|void|NoDevFiles)$/i.test(entry);
}

/**
 * Returns the GPU, or all its instances in MIG mode. CUDA reads the digits at the beginning of an
 * entry: `1gpu` is 1.
 */
function byIndex(
  entry: string,
  devices: readonly Device[],
  gpus: readonly CudaGpu[],
): readonly Device[] | null {
  const number = /^\+?(\d{1,9})/.exec(entry)?.[1];
  const gpu = number === undefined ? undefined : gpus.find((it) => it.index === Number(number));
  return gpu === undefined ? null : devices.filter(({ index }) => index === gpu.index);
}

/** Returns the instance, or the GPU, or all instances of the GPU. The beginning must be unique. */
function byUuid(
  entry: string,
  devices: readonly Device[],
  gpus: readonly CudaGpu[],
): readonly Device[] | null {
  if (entry.startsWith("MIG-")) {
    const found = devices.filter((it) => it.mig !== null && (it.uuid ?? "").startsWith(entry));
    return found.length === 1 ? found : null;
  }
  const [gpu, ...others] = gpus.filter(({ uuid }) => (uuid ?? "").startsWith(entry));
  if (gpu === undefined || others.length > 0) return null;
  return devices.filter(({ index }) => index === gpu.index);
}

function isSame(some: readonly Device[], others: readonly Device[]): boolean {
  return some.length > 0 && some[0]?.id === others[0]?.id;
}

function isOrderUnknown(
  devices: readonly Device[],
  visible: readonly Device[],
  gpus: readonly CudaGpu[],
  env: ReadEnv,
): boolean {
  const isPart = visible.length > 0 && visible.length < devices.length;
  const names = new Set(gpus.map(({ name }) => name));
  return isPart && names.size > 1 && env("CUDA_DEVICE_ORDER") !== "PCI_BUS_ID";
}

function visibleRocm(
  devices: readonly Device[],
  env: ReadEnv,
  problems: HardwareProblem[],
): readonly Device[] {
  if (devices.length === 0) return [];
  const numbered: Numbered = [];
  for (const device of devices) numbered[device.index] = device;
  return visibleHip(visibleRocr(numbered, env, problems), env, problems);
}

/** The devices at their numbers. A device that could not be read leaves a hole. */
type Numbered = (Device | undefined)[];

function visibleRocr(devices: Numbered, env: ReadEnv, problems: HardwareProblem[]): Numbered {
  const value = env("ROCR_VISIBLE_DEVICES");
  if (value === undefined) return devices;
  const list = listOf("ROCR_VISIBLE_DEVICES", value.toUpperCase());
  const seen: Device[] = [];
  for (const [i, entry] of list.entries.entries()) {
    const found = entry.startsWith("G") ? rocmByUuid(entry, devices) : devices[cNumber(entry)];
    if (found === undefined || seen.includes(found)) {
      if (!isEnd(entry) && entry !== "GPU-XX") problems.push(entryProblem(list, i, ENDS));
      break;
    }
    seen.push(found);
  }
  return seen;
}

function rocmByUuid(entry: string, devices: Numbered): Device | undefined {
  if (entry.length < 5) return undefined;
  const found = devices.filter((it) => (it?.uuid ?? "").toUpperCase().startsWith(entry));
  return found.length === 1 ? found[0] : undefined;
}

/** Reads a number as C does: `0x1` and `01` are 1. Returns -1 if it is none. */
function cNumber(entry: string): number {
  if (/^0X[\dA-F]{1,8}$/.test(entry)) return Number.parseInt(entry.slice(2), 16);
  if (/^0[0-7]{1,8}$/.test(entry)) return Number.parseInt(entry, 8);
  return /^\d{1,9}$/.test(entry) ? Number(entry) : -1;
}

function visibleHip(
  devices: Numbered,
  env: ReadEnv,
  problems: HardwareProblem[],
): readonly Device[] {
  const variable = env("HIP_VISIBLE_DEVICES") ? "HIP_VISIBLE_DEVICES" : "CUDA_VISIBLE_DEVICES";
  const value = env(variable) ?? "";
  if (value === "") return devices.filter((it) => it !== undefined);
  // Not trimmed: HIP takes no spaces.
  const list = { variable, entries: value.split(",") };
  const seen: Device[] = [];
  for (const [i, entry] of list.entries.entries()) {
    const found = entry.includes("GPU-")
      ? devices.find((it) => (it?.uuid ?? "").includes(entry))
      : /^(?:0|[1-9]\d{0,8})$/.test(entry)
      ? devices[Number(entry)]
      : undefined;
    if (found === undefined) {
      if (!isEnd(entry)) problems.push(entryProblem(list, i, ENDS));
      break;
    }
    if (!seen.includes(found)) seen.push(found);
  }
  return seen;
}

function visibleXpu(
  devices: readonly Device[],
  env: ReadEnv,
  problems: HardwareProblem[],
): readonly Device[] {
  const value = env("ZE_AFFINITY_MASK") ?? "";
  if (value === "" || value === "default" || devices.length === 0) return devices;
  const list = listOf("ZE_AFFINITY_MASK", value);
  // The default, FLAT, numbers the tiles of cards; the tool does not tell how many a card has.
  const isComposite = env("ZE_FLAT_DEVICE_HIERARCHY")?.toUpperCase() === "COMPOSITE";
  const seen: Device[] = [];
  for (const [i, entry] of list.entries.entries()) {
    const [, card, tile] = /^(\d{1,9})(\.\d{1,9})?$/.exec(entry) ?? [];
    const isUsed = card !== undefined && (isComposite || tile === undefined);
    const found = isUsed ? devices.find(({ index }) => index === Number(card)) : undefined;
    if (found !== undefined) seen.push(found);
    else problems.push(entryProblem(list, i, "names no device, and is skipped"));
  }
  return seen;
}

function entryProblem(list: EntryList, at: number, text: string): HardwareProblem {
  const entry = list.entries[at] ?? "";
  // UUIDs are for people with the API key; texts of problems are for everybody.
  const quoted = /GPU-|MIG-/i.test(entry) ? "" : ` (${JSON.stringify(entry.slice(0, 40))})`;
  return problemOf(list, `entry ${at + 1} of ${list.entries.length}${quoted} ${text}`);
}

function problemOf({ variable }: EntryList, text: string): HardwareProblem {
  return { probe: variable, what: "unreadable", text: `${variable}: ${text}` };
}
