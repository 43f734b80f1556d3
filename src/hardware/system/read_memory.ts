import process from "node:process";
import type { HardwareProblem, MemoryInfo } from "../hardware_info.ts";
import { runShell } from "./run_shell.ts";
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
  const limitBytes = limitOf(process.constrainedMemory(), total);
  if (limitBytes === null) {
    const memory = { totalBytes: total, availableBytes: available, limitBytes };
    return { memory, problems: [] };
  }
  const used = await readUsedBytes(signal);
  const left = used === null ? null : Math.max(0, limitBytes - used);
  const availableBytes = left === null ? null : Math.min(available, left);
  const text = "the memory that this process's group uses was not read, so what is left of its " +
    "limit is unknown";
  return {
    memory: { totalBytes: total, availableBytes, limitBytes },
    problems: left === null ? [{ probe: "memory", what: "unreadable", text }] : [],
  };
}

/** Returns the limit; null for none, which systems report as 0 or as more than there is. */
export function limitOf(constrained: number | undefined, total: number): number | null {
  return constrained === undefined || constrained <= 0 || constrained > total ? null : constrained;
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
