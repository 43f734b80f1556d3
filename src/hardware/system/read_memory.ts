import { machineLimits } from "../../config/mod.ts";
import type { HardwareProblem, MemoryInfo } from "../hardware_info.ts";
import { runShell } from "./run_shell.ts";
import { deniedProblem } from "./sys_permission.ts";

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
  const { totalBytes, limitBytes = null } = machineLimits();
  if (totalBytes === undefined) {
    const memory = { totalBytes: null, availableBytes: null, limitBytes: null };
    return { memory, problems: [deniedProblem("memory", "the memory was not read")] };
  }
  const { available } = Deno.systemMemoryInfo();
  if (limitBytes === null) {
    const memory = { totalBytes, availableBytes: available, limitBytes };
    return { memory, problems: [] };
  }
  const used = await readUsedBytes(signal);
  const left = used === null ? null : Math.max(0, limitBytes - used);
  const availableBytes = left === null ? null : Math.min(available, left);
  const text = "the memory that this process's group uses was not read, so what is left of its " +
    "limit is unknown";
  return {
    memory: { totalBytes, availableBytes, limitBytes },
    problems: left === null ? [{ probe: "memory", what: "unreadable", text }] : [],
  };
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
