/**
 * What Linux tells of a process in /proc; NaN on other systems, and for a process that has ended.
 */

/** Memory that is in RAM, shared pages counted in full. */
export function rssBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
}

/** Memory that is in RAM, each shared page divided by the number of its users. */
export function pssBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m);
}

/**
 * Time on a CPU of all threads that live, in microseconds. Finer than the ticks of /proc/PID/stat.
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

/** The sum over several processes. */
export function sumOf(pids: readonly number[], figure: (pid: number) => number): number {
  return pids.reduce((sum, pid) => sum + figure(pid), 0);
}

/** Samples while `work` runs; the highest value that was seen. */
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

/** ESRCH comes when the process ends between open and read. */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    (error instanceof Error && "code" in error && error.code === "ESRCH");
}
