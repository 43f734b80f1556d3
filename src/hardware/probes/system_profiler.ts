import type { Device } from "../device.ts";
import { at, firstOf, listAt, readJson } from "./json_output.ts";
import { newDevice } from "../new_device.ts";
import type { FullProbeOptions, ProbeResult } from "./probe_options.ts";
import { readMemory, readText } from "./readings.ts";
import { runTool } from "./run_tool.ts";
import { type Table, tableProblem } from "./table.ts";

const TOOL = "system_profiler";

/** Asks macOS for the GPU that Metal uses. Other systems have no such tool. */
export async function probeMps(options: FullProbeOptions): Promise<ProbeResult> {
  if (options.os !== "darwin") return { devices: [], problems: [] };
  const output = await runTool([TOOL, "SPDisplaysDataType", "-json"], options);
  if (output.problem !== null) return { devices: [], problems: [output.problem] };
  const table = readDisplays(output.stdout);
  const problem = tableProblem(TOOL, table);
  return { devices: table.rows, problems: problem === null ? [] : [problem] };
}

/**
 * Reads `system_profiler SPDisplaysDataType -json`. Of the GPUs with Metal, programs use one: that
 * of Apple, otherwise the one with the most memory. The text also has serial numbers, which are not
 * read.
 */
export function readDisplays(text: string): Table<Device> {
  const items = listAt(at(readJson(text), "SPDisplaysDataType"));
  if (items === null) return { rows: [], unreadable: [text] };
  const gpus = items.flatMap((item) => {
    const arch = archOf(item);
    return arch === null ? [] : [deviceOf(item, arch)];
  });
  const [best] = gpus.sort((a, b) =>
    Number(b.isApple) - Number(a.isApple) ||
    (b.device.memoryBytes ?? 0) - (a.device.memoryBytes ?? 0)
  );
  return { rows: best === undefined ? [] : [best.device], unreadable: [] };
}

/** Returns the family of Metal, such as `metal3`; null if the GPU does not support it. */
function archOf(item: unknown): string | null {
  const keys = ["spdisplays_mtlgpufamilysupport", "spdisplays_metalfamily", "spdisplays_metal"];
  const texts = keys.map((key) => readText(at(item, key)) ?? "");
  const family = texts.map((it) => /metal\d{1,2}$/i.exec(it)?.[0].toLowerCase()).find(Boolean);
  return family ?? (texts.some((it) => /_supported$/.test(it)) ? "metal" : null);
}

function deviceOf(
  item: unknown,
  arch: string,
): { readonly device: Device; readonly isApple: boolean } {
  const vram = at(item, "spdisplays_vram");
  const device = newDevice({
    id: "mps",
    kind: "mps",
    index: 0,
    name: firstOf(readText(at(item, "sppci_model")), readText(at(item, "_name"))) ?? "Apple GPU",
    arch,
    memoryBytes: readMemory(vram, "mib"),
    unified: vram === undefined,
  });
  return { device, isApple: /apple/i.test(readText(at(item, "spdisplays_vendor")) ?? "") };
}
