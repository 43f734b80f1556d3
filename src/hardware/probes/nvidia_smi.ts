import type { Device } from "../device.ts";
import type { HardwareProblem } from "../hardware_info.ts";
import type { CudaGpu } from "../visible_devices.ts";
import {
  FALLBACK_FIELDS,
  type GpuRow,
  type ListedGpu,
  LOAD_FIELDS,
  type MigInstance,
  profileBytes,
  QUERY_FIELDS,
  readCudaVersion,
  readGpuList,
  readGpuRows,
} from "./nvidia_tables.ts";
import { newDevice } from "../new_device.ts";
import type { FullProbeOptions, ProbeResult } from "./probe_options.ts";
import { fittingFree } from "./readings.ts";
import { runTool, type ToolOutput } from "./run_tool.ts";
import { type Table, tableProblem } from "./table.ts";

const TOOL = "nvidia-smi";

/** The devices of NVIDIA. */
export interface CudaResult extends ProbeResult {
  /** All GPUs in the order of the tool, including those of which only MIG instances are devices. */
  readonly gpus: readonly CudaGpu[];
}

/**
 * Asks `nvidia-smi` for GPUs and MIG instances. Only the driver is needed, no CUDA toolkit. On a
 * GPU in MIG mode programs can use instances only, so these are its devices, such as `cuda:0:1`,
 * and the GPU itself is not listed.
 */
export async function probeCuda(options: FullProbeOptions): Promise<CudaResult> {
  const [query, header] = await Promise.all([queryGpus(options), runTool([TOOL], options)]);
  const { rows } = query.table;
  const problems = [...query.problems];
  if (rows.length === 0) return { devices: [], gpus: [], problems };
  if (header.problem !== null) problems.push(header.problem);
  const runtime = readCudaVersion(header.stdout);
  const listed = await listInstances(rows, options, problems);
  const devices = rows.flatMap((row) => {
    const instances = listed.find((it) => it.index === row.index)?.instances ?? [];
    const isMig = row.isMig ?? instances.length > 0;
    return isMig ? instances.map((it) => instanceOf(row, it, runtime)) : [deviceOf(row, runtime)];
  });
  return { devices, gpus: rows.map(({ index, uuid, name }) => ({ index, uuid, name })), problems };
}

interface Query {
  readonly table: Table<GpuRow>;
  readonly problems: readonly HardwareProblem[];
}

async function queryGpus(options: FullProbeOptions): Promise<Query> {
  const first = await query(QUERY_FIELDS, options);
  if (first.table.rows.length > 0 || first.problems[0]?.what !== "failed") return first;
  return await query(FALLBACK_FIELDS, options);
}

async function query(fields: readonly string[], options: FullProbeOptions): Promise<Query> {
  const output = await runTool(queryOf(fields), options);
  const table = readGpuRows(output.stdout, fields);
  return { table, problems: problemsOf(output, table) };
}

function queryOf(fields: readonly string[]): string[] {
  return [TOOL, `--query-gpu=${fields.join(",")}`, "--format=csv,noheader,nounits"];
}

function problemsOf(output: ToolOutput, table: Table<unknown>): HardwareProblem[] {
  const ofTable = tableProblem(TOOL, table);
  // A GPU that fails makes the tool fail, which prints the error in the place of the row.
  const isPart = table.rows.length > 0 && ofTable !== null;
  const problem = output.problem?.what === "failed" && isPart ? ofTable : output.problem ?? ofTable;
  return problem === null ? [] : [problem];
}

/** Lists the instances, if a GPU is in MIG mode, or if the tool could not be asked for the mode. */
async function listInstances(
  rows: readonly GpuRow[],
  options: FullProbeOptions,
  problems: HardwareProblem[],
): Promise<readonly ListedGpu[]> {
  if (rows.every((it) => it.isMig === false)) return [];
  const output = await runTool([TOOL, "-L"], options);
  const list = readGpuList(output.stdout);
  problems.push(...problemsOf(output, list));
  if (output.problem !== null) return list.rows;
  for (const row of rows) {
    if (row.isMig !== true) continue;
    if ((list.rows.find((it) => it.index === row.index)?.instances ?? []).length > 0) continue;
    const text = `cuda:${row.index} is in MIG mode and has no instances, so it cannot be used`;
    problems.push({ probe: TOOL, what: "failed", text });
  }
  return list.rows;
}

function deviceOf(row: GpuRow, runtime: string | null): Device {
  const { isMig: _, name, ...fields } = row;
  return newDevice({
    ...fields,
    id: `cuda:${row.index}`,
    kind: "cuda",
    name: name ?? "NVIDIA GPU",
    freeBytes: fittingFree(row.freeBytes, row.memoryBytes),
    runtime,
  });
}

/** Returns the device of an instance. Load and power of the GPU are not those of an instance. */
function instanceOf(row: GpuRow, instance: MigInstance, runtime: string | null): Device {
  const gpu = deviceOf(row, runtime);
  return {
    ...gpu,
    id: `${gpu.id}:${instance.number}`,
    uuid: instance.uuid,
    name: `${gpu.name} MIG ${instance.profile}`,
    memoryBytes: profileBytes(instance.profile),
    freeBytes: null,
    unified: false,
    utilization: null,
    powerWatts: null,
    mig: { profile: instance.profile, parent: gpu.id },
  };
}

/** Reads free memory and load of these devices again, by one query. */
export async function refreshCuda(
  devices: readonly Device[],
  options: FullProbeOptions,
): Promise<ProbeResult> {
  const output = await runTool(queryOf(LOAD_FIELDS), options);
  const table = readGpuRows(output.stdout, LOAD_FIELDS);
  return {
    devices: devices.map((device) => refreshed(device, table.rows)),
    problems: problemsOf(output, table),
  };
}

function refreshed(device: Device, rows: readonly GpuRow[]): Device {
  const row = rows.find(({ index, uuid }) =>
    index === device.index && (device.mig !== null || uuid === device.uuid)
  );
  const isWhole = device.mig === null;
  return {
    ...device,
    freeBytes: isWhole ? fittingFree(row?.freeBytes ?? null, device.memoryBytes) : null,
    utilization: isWhole ? row?.utilization ?? null : null,
    temperatureCelsius: row?.temperatureCelsius ?? null,
    powerWatts: isWhole ? row?.powerWatts ?? null : null,
  };
}
