import type { Call } from "../calls/mod.ts";
import type { ProgressNote } from "./progress_file.ts";

/** What was in flight when a worker died, in the order in which it was sent. */
export interface InFlightAtExit {
  /** May have run. */
  readonly lost: readonly Call[];
  /** Have not, and may run elsewhere. */
  readonly unstarted: readonly Call[];
}

/**
 * Parts what was in flight when a worker died. Calls run in the order in which they were sent, so the one that was noted as
 * started parts them. When none of them was, the noted one has been answered and the first of them was next. Of those before
 * it the answers were in the stream; when that was read to its end without them, they were given back and the worker died
 * before it said so.
 *
 * @param calls In the order in which they were sent.
 * @param progress The note of the worker; disposed here. If it is missing or garbage, all calls may
 * have run.
 */
export function splitInFlight(
  calls: readonly Call[],
  progress: ProgressNote | undefined,
  readToEnd: boolean,
): InFlightAtExit {
  if (progress === undefined) return { lost: calls, unstarted: [] };
  const started = progress.startedCall();
  progress[Symbol.dispose]();
  const at = calls.findIndex((call) => call.linkId === started);
  // Calls are numbered in the order in which they are sent, so a number that is not in flight and
  // higher than the first in flight was never sent.
  if (at < 0 && started > (calls[0]?.linkId ?? Infinity)) return { lost: calls, unstarted: [] };
  const first = readToEnd ? Math.max(at, 0) : 0;
  const unstarted = [...calls.slice(0, first), ...calls.slice(at + 1)];
  return { lost: calls.slice(first, at + 1), unstarted };
}
