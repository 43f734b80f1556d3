import { delay, withDeadline } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { killGroup } from "./process_group.ts";
import type { ProcessInfo, ProcessTable } from "./process_table.ts";

/** How long the killed have to disappear before they are looked for again. */
const PASS_MS = 10;

/** A worker as it was recorded by its host. */
export interface RecordedProcess {
  readonly runId: string;
  readonly pid?: number | undefined;
  readonly startTime?: string | undefined;
}

/** What a sweep is to do. */
export interface SweepOptions {
  /** Runs that are over. */
  readonly runIds: ReadonlySet<string>;
  /** What is recorded of them. */
  readonly recorded: readonly RecordedProcess[];
  readonly table: ProcessTable;
  readonly timeoutMs: number;
}

/** What a sweep did. */
export interface SweepResult {
  readonly killed: readonly number[];
  /** Runs that may still have processes. */
  readonly unfinished: ReadonlySet<string>;
  /** Why. */
  readonly problem?: string;
}

/**
 * Kills every process of runs that are over. A process is one of them when the mark in its
 * environment says so, and is named by its pid and its start time, which are looked at once more
 * right before the signal. The whole group goes with a recorded worker, when pid and start time are
 * those that were recorded; any other, such as a child that has made a session of its own, goes by
 * itself. This process and those that it came from are left alone, whatever they carry.
 */
export async function sweepProcesses(options: SweepOptions): Promise<SweepResult> {
  const killed = new Set<number>();
  if (options.runIds.size === 0) return { killed: [], unfinished: new Set() };
  let unfinished = options.runIds;
  try {
    await withDeadline(options.timeoutMs, async (signal) => {
      // More than once: what is being killed may have started another.
      while (unfinished.size > 0) {
        signal.throwIfAborted();
        unfinished = await killOnce(options, killed, signal);
        if (unfinished.size > 0) await delay(PASS_MS, signal);
      }
    });
    return { killed: [...killed], unfinished };
  } catch (error) {
    return { killed: [...killed], unfinished, problem: messageOf(error) };
  }
}

/** Kills the processes that exist now; returns the runs that had any. */
async function killOnce(
  { runIds, recorded, table }: SweepOptions,
  killed: Set<number>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const all = await table.all(signal);
  const left = marked(all, runIds);
  const times = await table.startTimes(left.map(({ pid }) => pid), signal);
  for (const process of left) {
    if (times.get(process.pid) !== process.startTime) continue;
    kill(process, all, recorded);
    killed.add(process.pid);
  }
  return new Set(left.map(({ runId }) => runId));
}

interface MarkedProcess extends ProcessInfo {
  readonly runId: string;
}

/** Those of the runs, without this process and its forebears. */
function marked(
  all: ReadonlyMap<number, ProcessInfo>,
  runIds: ReadonlySet<string>,
): MarkedProcess[] {
  const spared = new Set<number>();
  for (let pid: number | undefined = Deno.pid; pid !== undefined && !spared.has(pid);) {
    spared.add(pid);
    pid = all.get(pid)?.parent;
  }
  return [...all.values()].filter((it): it is MarkedProcess =>
    it.runId !== undefined && runIds.has(it.runId) && !spared.has(it.pid)
  );
}

function kill(
  process: MarkedProcess,
  all: ReadonlyMap<number, ProcessInfo>,
  recorded: readonly RecordedProcess[],
): void {
  const { pid, startTime, runId } = process;
  const isRecorded = recorded.some((it) =>
    it.pid === pid && it.startTime === startTime && it.runId === runId
  );
  const isOurGroup = all.get(Deno.pid)?.group === process.group;
  if (isRecorded && process.group === pid && !isOurGroup) {
    killGroup(pid);
    return;
  }
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended, or belongs to another user: then the next look tells.
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.PermissionDenied) return;
    throw error;
  }
}
