import type { Alarms } from "../../../async/mod.ts";
import { stalled, StallWatch } from "../../../pool/mod.ts";
import { HOST_WORKER_ID } from "../origin.ts";

/** A run, as the watch over its silence sees it. */
interface WatchedRun {
  readonly tool: string;
  stop(reason: unknown): void;
}

/** Returns the watch that stops a run which has shown nothing for `stallTimeoutMs`. */
export function watchOver(
  run: WatchedRun,
  { alarms, stallTimeoutMs }: { readonly alarms: Alarms; readonly stallTimeoutMs: number },
): StallWatch {
  return new StallWatch({
    alarms,
    limitMs: stallTimeoutMs,
    // Its reader pulls, and pauses the watch between two batches.
    windowBytes: Infinity,
    hasBegun: () => true,
    onStall: (lastSign, silentMs) => {
      const { tool } = run;
      run.stop(stalled({ tool, stallTimeoutMs, workerId: HOST_WORKER_ID, lastSign, silentMs }));
    },
  });
}
