import type { Device } from "../device.ts";
import type { HardwareProblem } from "../hardware_info.ts";
import { markVisible } from "../visible_devices.ts";
import { probeRocm, refreshRocm } from "./amd_smi.ts";
import { probeCuda, refreshCuda } from "./nvidia_smi.ts";
import { type ProbeOptions, type ProbeResult, withDefaults } from "./probe_options.ts";
import { probeMps } from "./system_profiler.ts";
import { probeXpu } from "./xpu_smi.ts";

/**
 * Asks the tools of all vendors side by side. The devices are those of this machine, in the order
 * cuda, rocm, mps, xpu; the processor is not among them. A tool that is missing is a problem too.
 *
 * @throws Only the reason of the signal.
 */
export async function probeDevices(options: ProbeOptions = {}): Promise<ProbeResult> {
  options.signal?.throwIfAborted();
  const full = withDefaults(options);
  const [cuda, ...others] = await Promise.all([
    probeCuda(full),
    probeRocm(full),
    probeMps(full),
    probeXpu(full),
  ]);
  full.signal?.throwIfAborted();
  const all = [cuda, ...others];
  const marked = markVisible(all.flatMap(({ devices }) => devices), {
    env: full.env,
    cudaGpus: cuda.gpus,
  });
  const problems = [...all.flatMap((it) => it.problems), ...marked.problems];
  return { devices: marked.devices, problems };
}

/** Options of {@link refreshDevices}. */
export interface RefreshOptions extends ProbeOptions {
  /** Called with each problem that leaves values unknown. */
  readonly onProblem?: (problem: HardwareProblem) => void;
}

/**
 * Reads the free memory, the load, the temperature and the power of these devices again, by one
 * query for each kind that has a tool for it: cuda and rocm. Values that could not be read become
 * null, so none is older than this call.
 *
 * @throws Only the reason of the signal.
 */
export async function refreshDevices(
  devices: readonly Device[],
  options: RefreshOptions = {},
): Promise<readonly Device[]> {
  const full = withDefaults(options);
  const of = (kind: Device["kind"]): readonly Device[] => devices.filter((it) => it.kind === kind);
  const nothing = { devices: [], problems: [] };
  const [cuda, rocm] = await Promise.all([
    of("cuda").length === 0 ? nothing : refreshCuda(of("cuda"), full),
    of("rocm").length === 0 ? nothing : refreshRocm(of("rocm"), full),
  ]);
  full.signal?.throwIfAborted();
  for (const problem of [...cuda.problems, ...rocm.problems]) options.onProblem?.(problem);
  const fresh = new Map([...cuda.devices, ...rocm.devices].map((it) => [it.id, it]));
  return devices.map((it) => fresh.get(it.id) ?? it);
}
