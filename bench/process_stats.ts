/**
 * Figures of a process from /proc of Linux. They are NaN on other systems, and for a process that
 * has ended.
 */

/** The clock tick of Linux as programs see it: USER_HZ is 100 on every architecture in use. */
const TICK_MICROS = 10_000;

/** Returns the memory of a process that is in RAM. Shared pages count in full. */
export function rssBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
}

/** Returns the most memory in RAM that a process had since {@link resetPeak}. */
export function peakBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, /^VmHWM:\s+(\d+) kB$/m);
}

/** Makes the memory that a process has now the most that it had. */
export function resetPeak(pid: number): void {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/**
 * Returns the memory of a process that is in RAM. Each shared page is divided by the number of its
 * users.
 */
export function pssBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m);
}

/** Returns the memory that a process shares with no other one, such as the one that forked it. */
export function privateBytes(pid: number): number {
  const path = `/proc/${pid}/smaps_rollup`;
  return kilobytes(path, /^Private_Clean:\s+(\d+) kB$/m) +
    kilobytes(path, /^Private_Dirty:\s+(\d+) kB$/m);
}

/**
 * Returns the CPU time of all living threads, in microseconds: finer than the ticks of
 * /proc/PID/stat.
 */
export function cpuMicros(pid: number): number {
  try {
    let nanoseconds = 0;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const text = read(`/proc/${pid}/task/${name}/schedstat`);
      if (text !== undefined) nanoseconds += Number(text.split(" ")[0]);
    }
    return nanoseconds / 1000;
  } catch (error) {
    if (isAbsent(error)) return NaN;
    throw error;
  }
}

/**
 * Returns the CPU time of a process and its children, in microseconds; ended ones count from the
 * moment at which the process has waited for them. It is exact to some ticks of 10 ms.
 */
export function treeCpuMicros(pid: number): number {
  const own = ticksOf(pid);
  if (own === undefined) return NaN;
  let ticks = own.ticks;
  for (const { name } of Deno.readDirSync("/proc")) {
    const it = /^\d+$/.test(name) ? ticksOf(Number(name)) : undefined;
    if (it?.parent === pid) ticks += it.ticks;
  }
  return ticks * TICK_MICROS;
}

/** Returns the CPU time of a process and of its ended children. */
function ticksOf(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name before the last parenthesis may have spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [, parent = NaN] = fields;
  const ticks = fields.slice(11, 15).reduce((sum, it) => sum + it, 0);
  return { parent, ticks };
}

/** Returns the sum over several processes. */
export function sumOf(pids: readonly number[], figure: (pid: number) => number): number {
  return pids.reduce((sum, pid) => sum + figure(pid), 0);
}

/** Samples while `work` runs; returns the highest value. */
export async function highestDuring(
  sample: () => number,
  work: () => Promise<unknown>,
): Promise<number> {
  let highest = sample();
  const timer = setInterval(() => highest = Math.max(highest, sample()), 25);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(highest, sample());
}

function kilobytes(path: string, line: RegExp): number {
  const [, digits] = line.exec(read(path) ?? "") ?? [];
  return digits === undefined ? NaN : Number(digits) * 1024;
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The process ended: before the open, or between open and read (ESRCH). */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    (error instanceof Error && "code" in error && error.code === "ESRCH");
}
