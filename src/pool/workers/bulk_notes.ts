import type { Attempt, BulkNote, BulkRecord } from "../calls/mod.ts";
import type { CallWindow, InFlightAtExit } from "../profiles/mod.ts";
import type { LaunchedWorker } from "./launchers/mod.ts";

/** Returns the record of the bulk call of an attempt, if the worker began that one last. */
export function bulkNoteOf(
  record: BulkRecord | undefined,
  { linkId }: Attempt,
): BulkNote | undefined {
  const note = record?.bulkNote();
  return note?.callId === linkId ? note : undefined;
}

/** Removes all calls of a dead worker. A bulk call keeps the last record of the worker. */
export function drainWindow(
  window: CallWindow<Attempt>,
  launched: LaunchedWorker,
  readToEnd: boolean,
): InFlightAtExit<Attempt> {
  using record = launched.record;
  // Read before the window disposes what may be the same file.
  const note = record?.bulkNote();
  const inFlight = window.drain({ note: launched.progress, readToEnd });
  if (note !== undefined) inFlight.lost.find((it) => it.linkId === note.callId)?.keepNote(note);
  return inFlight;
}
