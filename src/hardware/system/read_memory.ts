import { machineLimits } from "../../config/mod.ts";
import type { HardwareProblem, MemoryInfo } from "../hardware_info.ts";
import { isRunGranted, RUN_MISSING, runShell } from "./run_shell.ts";
import { deniedProblem, isSysGranted } from "./sys_permission.ts";

/** The memory, and what could not be found out about it. */
export interface MemoryReading {
  readonly memory: MemoryInfo;
  readonly problems: readonly HardwareProblem[];
}

/** The memory that the group of this process uses may be read for this long. */
const LIMIT_MS = 1_000;

/**
 * Reads the memory of the machine, the limit of this process's group, and what is left of both.
 * Deno reads them itself in microseconds, so this needs neither the thread of the processor nor its
 * package, whose numbers are the same.
 *
 * @throws Only the reason of the signal.
 */
export async function readMemory(signal?: AbortSignal): Promise<MemoryReading> {
  signal?.throwIfAborted();
  if (!isSysGranted("systemMemoryInfo")) {
    const memory = { totalBytes: null, availableBytes: null, limitBytes: null };
    return { memory, problems: [deniedProblem("memory", "the memory was not read")] };
  }
  const { total, available } = Deno.systemMemoryInfo();
  const { limitBytes } = machineLimits();
  if (limitBytes === undefined) {
    const memory = { totalBytes: total, availableBytes: available, limitBytes: null };
    return { memory, problems: [] };
  }
  const used = await readUsedBytes(signal);
  const left = used === null ? null : Math.max(0, limitBytes - used);
  const availableBytes = left === null ? null : Math.min(available, left);
  const memory = { totalBytes: total, availableBytes, limitBytes };
  return { memory, problems: left === null ? [unknownUse()] : [] };
}

function unknownUse(): HardwareProblem {
  const lost = "what is left of the limit of memory is unknown, since what the group of this " +
    "process uses was not read";
  if (isRunGranted()) return { probe: "memory", what: "unreadable", text: lost };
  return { probe: "memory", what: "denied", text: `${lost}: ${RUN_MISSING}` };
}

/**
 * Prints the bytes that the group of this process uses, and those that the system can take back, as
 * they are copies of files. In a container, the group of the process is the root of what it sees.
 * Deno refuses to read these files itself without all permissions.
 */
const USED_BYTES = String.raw`
one=$(sed -n 's/^[0-9]*:\([^:]*,\)*memory\(,[^:]*\)*://p' /proc/self/cgroup)
two=$(sed -n 's/^0:://p' /proc/self/cgroup)
for folder in "/sys/fs/cgroup/memory$one" /sys/fs/cgroup/memory "/sys/fs/cgroup$two" /sys/fs/cgroup
do
  for file in memory.usage_in_bytes memory.current
  do
    [ -r "$folder/$file" ] || continue
    cat "$folder/$file" && sed -n 's/^\(total_\)*inactive_file //p' "$folder/memory.stat" | tail -n 1
    exit
  done
done
exit 1
`;

async function readUsedBytes(signal: AbortSignal | undefined): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  const { stdout, failure } = await runShell(USED_BYTES, { limitMs: LIMIT_MS, signal });
  signal?.throwIfAborted();
  return failure === undefined ? usedBytesOf(stdout) : null;
}

function usedBytesOf(text: string): number | null {
  const [used = NaN, reclaimable = 0] = text.trim().split(/\s+/).map(Number);
  if (!Number.isSafeInteger(used)) return null;
  return Math.max(0, used - (Number.isSafeInteger(reclaimable) ? reclaimable : 0));
}
