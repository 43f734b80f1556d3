import { delay, withDeadline } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { killGroup } from "./process_group.ts";
import type { ProcessInfo, ProcessTable } from "./process_table.ts";

/** The pause between two passes, in which killed processes disappear. */
const PASS_MS = 10;

/** A worker, as its host recorded it. */
export interface RecordedProcess {
  readonly runId: string;
  readonly pid?: number | undefined;
  readonly startTime?: string | undefined;
}

/** Options of {@link sweepProcesses}. */
export interface SweepOptions {
  /** The runs that are over. */
  readonly runIds: ReadonlySet<string>;
  /** The recorded workers of these runs. */
  readonly recorded: readonly RecordedProcess[];
  readonly table: ProcessTable;
  readonly timeoutMs: number;
}

/** The result of a sweep. */
export interface SweepResult {
  readonly killed: readonly number[];
  /** The runs that may still have processes. */
  readonly unfinished: ReadonlySet<string>;
  /** The reason why some are unfinished. */
  readonly problem?: string;
}

/**
 * Kills every process of runs that are over. A process belongs to a run by the mark in its
 * environment. Its start time is checked once more right before the signal, in case the pid was
 * reused.
 *
 * A recorded worker whose pid and start time match is killed with its whole group. Any other
 * process, such as a child with a session of its own, is killed alone. This process and its
 * ancestors are spared, whatever their environment says.
 */
export async function sweepProcesses(options: SweepOptions): Promise<SweepResult> {
  const killed = new Set<number>();
  if (options.runIds.size === 0) return { killed: [], unfinished: new Set() };
  let unfinished = options.runIds;
  try {
    await withDeadline(options.timeoutMs, async (signal) => {
      // One pass is not enough: a process may start another one before it is killed.
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

/** Kills the processes that exist now. Returns the runs that had any. */
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

/** Returns the processes of the runs, without this process and its ancestors. */
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
    // The process has ended, or belongs to another user. The next pass shows which.
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.PermissionDenied) return;
    throw error;
  }
}
