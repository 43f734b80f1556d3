import type { Attempt, BulkNote, BulkRecord } from "../../calls/mod.ts";
import type { CallWindow, InFlightAtExit } from "../../profiles/mod.ts";
import type { LaunchedWorker } from "../launchers/mod.ts";

/** Returns the record of the bulk call of an attempt, if the worker has it. */
export function bulkNoteOf(
  record: BulkRecord | undefined,
  { linkId }: Attempt,
): BulkNote | undefined {
  return record?.bulkNote(linkId);
}

/** Removes all calls of a dead worker. Each bulk call keeps its last record. */
export function drainWindow(
  window: CallWindow<Attempt>,
  launched: LaunchedWorker,
  readToEnd: boolean,
): InFlightAtExit<Attempt> {
  using record = launched.record;
  // Read before the window disposes what may be the same file.
  const notes = record?.bulkNotes() ?? [];
  const inFlight = window.drain({ note: launched.progress, readToEnd });
  for (const note of notes) inFlight.lost.find((it) => it.linkId === note.callId)?.keepNote(note);
  return inFlight;
}
