import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { type ProcessTable, sweepProcesses } from "../process/mod.ts";
import type { Store } from "../store/mod.ts";
import type { RunDirectory } from "./run_directory.ts";

/** Dependencies of the cleanup after dead runs. */
export interface DeadRunsDeps {
  readonly directory: RunDirectory;
  readonly store: Pick<Store, "deadProcesses" | "processes">;
  readonly table: ProcessTable;
}

/** Bound on a sweep, which usually takes 50 ms. The next start continues one that was cut off. */
const TIMEOUT_MS = 5_000;

/**
 * Ends what is left of runs whose host is dead: first their processes, then their rows and
 * directories. A run is dead if the lock of its directory is free, or if it has rows in the store
 * that this host has taken over. Never rejects: the log names whatever could not be ended, and the
 * next start tries again.
 */
export async function endDeadRuns({ directory, store, table }: DeadRunsDeps): Promise<void> {
  const log = getLogger("recovery");
  const recorded = store.deadProcesses;
  try {
    await directory.sweep(async (found) => {
      const runIds = new Set([...found, ...recorded.map(({ runId }) => runId)]);
      const result = await sweepProcesses({ runIds, recorded, table, timeoutMs: TIMEOUT_MS });
      const { killed, unfinished, problem } = result;
      if (killed.length > 0) {
        log.warn("killed {count} processes of runs whose host is dead", {
          count: killed.length,
          pids: killed.join(" "),
        });
      }
      if (unfinished.size > 0) {
        log.error("processes of runs whose host is dead may still run: {problem}", {
          problem: problem ?? "they cannot be killed",
          runs: [...unfinished].join(" "),
        });
      }
      await store.processes.forget(recorded.filter(({ runId }) => !unfinished.has(runId)));
      return unfinished;
    });
  } catch (error) {
    log.error("cannot clean up after runs whose host is dead: {problem}", {
      problem: messageOf(error),
    });
  }
}

/**
 * Ends the processes that the workers of a run have left, such as children with a session of their
 * own. Called when the workers are gone.
 */
export async function endOwnRun(runId: string, table: ProcessTable): Promise<void> {
  const log = getLogger("recovery");
  const { killed, unfinished, problem } = await sweepProcesses({
    runIds: new Set([runId]),
    recorded: [],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  if (killed.length > 0) {
    log.warn("killed {count} processes that workers had left behind", {
      count: killed.length,
      pids: killed.join(" "),
    });
  }
  if (unfinished.size > 0) {
    log.error("processes that workers have left behind may still run: {problem}", {
      problem: problem ?? "unknown",
    });
  }
}
