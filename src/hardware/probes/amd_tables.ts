import { isRecord } from "../../json/mod.ts";
import type { Device } from "../device.ts";
import { at, entriesOf, firstOf, listAt, readJson } from "./json_output.ts";
import { newDevice } from "../new_device.ts";
import {
  fittingFree,
  readBytes,
  readIndex,
  readMemory,
  readNumber,
  readShare,
  readText,
} from "./readings.ts";
import type { Table } from "./table.ts";

/** The values of a GPU that change. */
export interface GpuLoad {
  readonly index: number;
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  readonly utilization: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerWatts: number | null;
}

/** Reads `amd-smi static --json`: a list, or since ROCm 7 `{"gpu_data": [...]}`. */
export function readAmdStatic(text: string): Table<Device> {
  return readItems(text, (item, index) => {
    return deviceOf({
      index,
      uuid: readUniqueId(at(item, "asic", "asic_serial")),
      name: readText(at(item, "asic", "market_name")),
      arch: readArch(at(item, "asic", "target_graphics_version")),
      memoryBytes: readMemory(at(item, "vram", "size"), "mib"),
      driver: firstOf(
        readText(at(item, "driver", "version")),
        readText(at(item, "driver", "driver_version")),
      ),
    });
  }, (item) => isRecord(at(item, "asic")));
}

/** Reads `amd-smi metric --json`, of the same two forms. */
export function readAmdMetric(text: string): Table<GpuLoad> {
  return readItems(text, (item, index) => ({
    index,
    usedBytes: readBytes(at(item, "mem_usage", "used_vram"), "mib"),
    freeBytes: readBytes(at(item, "mem_usage", "free_vram"), "mib"),
    utilization: readShare(at(item, "usage", "gfx_activity")),
    temperatureCelsius: firstOf(
      readNumber(at(item, "temperature", "edge")),
      readNumber(at(item, "temperature", "hotspot")),
    ),
    powerWatts: readNumber(at(item, "power", "socket_power")),
  }), () => true);
}

function readItems<T>(
  text: string,
  read: (item: unknown, index: number) => T,
  isGpu: (item: unknown) => boolean,
): Table<T> {
  const json = readJson(text);
  const items = listAt(json, "gpu_data");
  if (items === null) return { rows: [], unreadable: [text] };
  const rows = new Map<number, T>();
  const unreadable: string[] = [];
  for (const item of items) {
    const index = readIndex(at(item, "gpu"));
    if (index === null || rows.has(index) || !isGpu(item)) unreadable.push(JSON.stringify(item));
    else rows.set(index, read(item, index));
  }
  return { rows: sorted(rows), unreadable };
}

function sorted<T>(rows: ReadonlyMap<number, T>): T[] {
  return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
}

/** A card of `rocm-smi`. */
export interface RocmCard {
  readonly device: Device;
  readonly load: GpuLoad;
}

/** Reads `rocm-smi --json`: an object of cards, and of others such as `system`. */
export function readRocmCards(text: string): Table<RocmCard> {
  const json = readJson(text);
  const entries = entriesOf(json);
  if (entries === null) return { rows: [], unreadable: [text] };
  const driver = readText(keyed(at(json, "system"), "driver version"));
  const rows = new Map<number, RocmCard>();
  const unreadable: string[] = [];
  for (const [key, card] of entries) {
    const index = readIndex(/^card(\d{1,4})$/i.exec(key)?.[1]);
    if (index === null) continue;
    const row = rows.has(index) ? null : readCard(card, index, driver);
    if (row === null) unreadable.push(JSON.stringify({ [key]: card }));
    else rows.set(index, row);
  }
  const hasCards = rows.size + unreadable.length > 0 || entries.length === 0;
  return { rows: sorted(rows), unreadable: hasCards ? unreadable : [text] };
}

function readCard(card: unknown, index: number, driver: string | null): RocmCard | null {
  const text = (key: string): string | null => readText(keyed(card, key));
  const name = firstOf(text("card series"), text("device name"), text("card model"));
  const memoryBytes = readMemory(keyed(card, "vram total memory (b)"), "b");
  if (memoryBytes === null && name === null) return null;
  const load = {
    index,
    usedBytes: readBytes(keyed(card, "vram total used memory (b)"), "b"),
    freeBytes: null,
    utilization: readShare(keyed(card, "gpu use (%)")),
    temperatureCelsius: null,
    powerWatts: null,
  };
  const device = deviceOf({
    index,
    uuid: readUniqueId(keyed(card, "unique id")),
    name,
    arch: readArch(keyed(card, "gfx version")),
    memoryBytes,
    driver,
  });
  return { device: withLoad(device, load), load };
}

/** Returns the value of a key, whose case differs between versions. */
function keyed(value: unknown, key: string): unknown {
  if (!isRecord(value)) return undefined;
  return Object.entries(value).find(([name]) => name.toLowerCase() === key)?.[1];
}

/** Returns a device with the values that change. All of them are null if there are none. */
export function withLoad(device: Device, load: GpuLoad | undefined): Device {
  const { memoryBytes } = device;
  const used = load?.usedBytes ?? null;
  const rest = memoryBytes === null || used === null || used > memoryBytes
    ? null
    : memoryBytes - used;
  return {
    ...device,
    freeBytes: fittingFree(load?.freeBytes ?? null, memoryBytes) ?? rest,
    utilization: load?.utilization ?? null,
    temperatureCelsius: load?.temperatureCelsius ?? null,
    powerWatts: load?.powerWatts ?? null,
  };
}

/** Returns the id by which `ROCR_VISIBLE_DEVICES` knows a GPU: `GPU-` and 16 hexadecimal digits. */
function readUniqueId(value: unknown): string | null {
  const digits = /^0x([\da-f]{1,16})$/i.exec(readText(value) ?? "")?.[1];
  if (digits === undefined || /^0+$/.test(digits)) return null;
  return `GPU-${digits.toLowerCase().padStart(16, "0")}`;
}

function readArch(value: unknown): string | null {
  const text = readText(value);
  return text !== null && /^gfx[\da-f]{3,5}(?::\S{1,40})?$/i.test(text) ? text : null;
}

function deviceOf(
  fields: Pick<Device, "index" | "uuid" | "arch" | "memoryBytes" | "driver"> & {
    readonly name: string | null;
  },
): Device {
  const { index, name } = fields;
  return newDevice({ ...fields, id: `rocm:${index}`, kind: "rocm", name: name ?? "AMD GPU" });
}
