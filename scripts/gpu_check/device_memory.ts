import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../src/errors.ts";
import type { Device } from "../../src/hardware/mod.ts";
import { runCommand } from "../../src/process/mod.ts";
import { mebibytes } from "./detection.ts";
import { NotRun } from "./outcome.ts";
import { throwIfAny } from "./placement.ts";
import type { WorkerReport } from "./probed_host.ts";

const LIMIT_MS = 10_000;
/** The driver may list a process for a moment after its end. */
const GONE_MS = 5_000;
const POLL_MS = 100;
const QUERY = "--query-compute-apps=gpu_uuid,pid,used_memory";

/** A process that uses a GPU. */
export interface GpuProcess {
  readonly gpuUuid: string;
  readonly pid: number;
  /** Its memory on the GPU; null if the driver does not say. */
  readonly usedBytes: number | null;
}

/** Reads the table of processes of `nvidia-smi`: one line each, in MiB and without a head. */
export function gpuProcessesOf(text: string): GpuProcess[] {
  return text.split("\n").flatMap((line) => {
    const [gpuUuid = "", pid = "", used = ""] = line.split(",").map((it) => it.trim());
    if (!/^\d+$/.test(pid)) return [];
    const usedBytes = /^\d+$/.test(used) ? Number(used) * 2 ** 20 : null;
    return [{ gpuUuid, pid: Number(pid), usedBytes }];
  });
}

/**
 * Asks `nvidia-smi` for the processes on all GPUs.
 *
 * @throws {NotRun} If it cannot tell.
 */
export async function gpuProcesses(): Promise<GpuProcess[]> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const { success, code, stdout } = await runCommand(
      ["nvidia-smi", QUERY, "--format=csv,noheader,nounits"],
      { env: Deno.env.toObject(), signal },
    );
    if (success) return gpuProcessesOf(stdout);
    throw new Error(`exited with ${code}: ${stdout.trim().slice(0, 200)}`);
  } catch (error) {
    throw new NotRun(`nvidia-smi cannot list the processes of GPUs: ${messageOf(error)}`);
  }
}

/**
 * Checks that each worker holds memory on its own device only, and on no other.
 *
 * @throws If not; {@link NotRun} where the processes of a GPU cannot be seen.
 */
export function checkMemory(
  reports: readonly WorkerReport[],
  devices: readonly Device[],
  processes: readonly GpuProcess[],
): string {
  const pids = reports.map(({ pid }) => pid);
  const own = processes.filter(({ pid }) => pids.includes(pid));
  if (own.length === 0) {
    throw new NotRun(
      "nvidia-smi lists none of the workers: they hold no memory, or this is a container with " +
        "pids of its own",
    );
  }
  const problems: string[] = [];
  const lines = reports.map(({ worker, pid, device }) => {
    const used = own.filter((it) => it.pid === pid);
    const wanted = gpuOf(device.id, devices)?.uuid ?? device.uuid;
    if (used.length === 0) problems.push(`${worker} holds no memory on any GPU`);
    for (const { gpuUuid } of used) {
      if (wanted !== null && gpuUuid !== wanted) {
        problems.push(`${worker} of ${device.id} (${wanted}) holds memory on ${gpuUuid}`);
      }
    }
    const bytes = used.map((it) => it.usedBytes).filter((it) => it !== null);
    const text = bytes.length === 0 ? "memory" : mebibytes(bytes.reduce((sum, it) => sum + it, 0));
    return `${worker} (pid ${pid}) holds ${text} on ${device.id}`;
  });
  throwIfAny(problems);
  return lines.join("\n");
}

/** The GPU of a device, which for a MIG instance is another one: it is the GPU that is listed. */
function gpuOf(id: string, devices: readonly Device[]): Device | undefined {
  const device = devices.find((it) => it.id === id);
  return devices.find((it) => it.id === device?.mig?.parent) ?? device;
}

/**
 * Waits until no GPU lists any of these processes, all of which have ended.
 *
 * @throws If one is still listed.
 */
export async function checkNoneIsLeft(pids: ReadonlySet<number>): Promise<string> {
  for (const until = performance.now() + GONE_MS;; await delay(POLL_MS)) {
    const left = (await gpuProcesses()).filter(({ pid }) => pids.has(pid));
    if (left.length === 0) return `none of ${pids.size} processes is listed on a GPU`;
    if (performance.now() > until) {
      throw new Error(`still listed on a GPU: ${left.map(({ pid }) => pid).join(", ")}`);
    }
  }
}
