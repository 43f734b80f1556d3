import type { Device } from "../device.ts";
import type { HardwareProblem } from "../hardware_info.ts";
import {
  type GpuLoad,
  readAmdMetric,
  readAmdStatic,
  readRocmCards,
  withLoad,
} from "./amd_tables.ts";
import type { FullProbeOptions, ProbeResult } from "./probe_options.ts";
import { runTool } from "./run_tool.ts";
import { type Table, tableProblem } from "./table.ts";

const STATIC = ["amd-smi", "static", "--json"];
const METRIC = [
  "amd-smi",
  "metric",
  "--mem-usage",
  "--usage",
  "--power",
  "--temperature",
  "--json",
];
/** Not `--showallinfo`, which aborts on some versions. */
const CARDS = [
  "rocm-smi",
  "--showproductname",
  "--showuniqueid",
  "--showdriverversion",
  "--showuse",
  "--showmeminfo",
  "vram",
  "--json",
];
const LOADS = ["rocm-smi", "--showuse", "--showmeminfo", "vram", "--json"];

/** Asks `amd-smi` for GPUs of AMD, or `rocm-smi` where that one is missing or fails. */
export async function probeRocm(options: FullProbeOptions): Promise<ProbeResult> {
  const [found, load] = await Promise.all([
    readTool(STATIC, readAmdStatic, options),
    readTool(METRIC, readAmdMetric, options),
  ]);
  const { rows } = found.table;
  if (isAnswer(found)) {
    const devices = rows.map((it) => withLoad(it, loadOf(it, load.table.rows)));
    const problems = rows.length > 0 ? [...found.problems, ...load.problems] : found.problems;
    return { devices, problems };
  }
  const cards = await readTool(CARDS, readRocmCards, options);
  return {
    devices: cards.table.rows.map(({ device }) => device),
    problems: [...found.problems, ...cards.problems],
  };
}

/** Reads free memory and load of these devices again, by one query. */
export async function refreshRocm(
  devices: readonly Device[],
  options: FullProbeOptions,
): Promise<ProbeResult> {
  const amd = await readTool(METRIC, readAmdMetric, options);
  const rocm = isAnswer(amd) ? null : await readTool(LOADS, readRocmCards, options);
  const loads = rocm === null ? amd.table.rows : rocm.table.rows.map(({ load }) => load);
  // A tool that is missing is no problem while the other one answers.
  const isOk = rocm !== null && rocm.problems.length === 0;
  const ofAmd = amd.problems.filter(({ what }) => !isOk || what !== "missing");
  return {
    devices: devices.map((device) => withLoad(device, loadOf(device, loads))),
    problems: [...ofAmd, ...(rocm?.problems ?? [])],
  };
}

interface Reading<T> {
  readonly table: Table<T>;
  readonly problems: readonly HardwareProblem[];
}

async function readTool<T>(
  command: readonly string[],
  read: (text: string) => Table<T>,
  options: FullProbeOptions,
): Promise<Reading<T>> {
  const output = await runTool(command, options);
  const table = read(output.stdout);
  const problem = output.problem ?? tableProblem(command[0] ?? "", table);
  return { table, problems: problem === null ? [] : [problem] };
}

/** Returns true if a tool listed the devices, or knows that there are none, or hangs. */
function isAnswer({ table, problems }: Reading<unknown>): boolean {
  // The other tool asks the same driver, and would hang as well.
  return table.rows.length > 0 || problems.every(({ what }) => what === "timeout");
}

function loadOf(device: Device, loads: readonly GpuLoad[]): GpuLoad | undefined {
  return loads.find(({ index }) => index === device.index);
}
