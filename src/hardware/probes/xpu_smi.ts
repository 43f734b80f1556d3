import type { Device } from "../device.ts";
import { at, listAt, readJson } from "./json_output.ts";
import { newDevice } from "../new_device.ts";
import type { FullProbeOptions, ProbeResult } from "./probe_options.ts";
import { readIndex, readMemory, readText } from "./readings.ts";
import { runTool } from "./run_tool.ts";
import { type Table, tableProblem } from "./table.ts";

const TOOL = "xpu-smi";

/** Asks `xpu-smi` for GPUs of Intel. Most versions do not tell the memory of all of them. */
export async function probeXpu(options: FullProbeOptions): Promise<ProbeResult> {
  const output = await runTool([TOOL, "discovery", "-j"], options);
  if (output.problem !== null) return { devices: [], problems: [output.problem] };
  const table = readXpuList(output.stdout);
  const problem = tableProblem(TOOL, table);
  return { devices: table.rows, problems: problem === null ? [] : [problem] };
}

/** Reads `xpu-smi discovery -j`. */
export function readXpuList(text: string): Table<Device> {
  const items = listAt(readJson(text), "device_list");
  if (items === null) return { rows: [], unreadable: [text] };
  const rows = new Map<number, Device>();
  const unreadable: string[] = [];
  for (const item of items) {
    const device = deviceOf(item);
    if (device === null || rows.has(device.index)) unreadable.push(JSON.stringify(item));
    else rows.set(device.index, device);
  }
  return { rows: [...rows.values()].sort((a, b) => a.index - b.index), unreadable };
}

function deviceOf(item: unknown): Device | null {
  const index = readIndex(at(item, "device_id"));
  const name = readText(at(item, "device_name"));
  if (index === null || name === null) return null;
  return newDevice({
    id: `xpu:${index}`,
    kind: "xpu",
    index,
    uuid: readText(at(item, "uuid")),
    name,
    memoryBytes: readMemory(at(item, "memory_physical_size_byte"), "b"),
    driver: readText(at(item, "driver_version")),
  });
}
