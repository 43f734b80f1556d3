import { type JobChoice, jobCursor, type JobState, readJobCursor } from "../store/mod.ts";
import type { ReadOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";

/** The jobs that one cancellation or retry by a filter changes. */
const SLICE = 500;
/** Reads that may take long go after others, one in a batch. */
export const SLOW = { isSlow: true } as const;

/** Returns the ids of a choice. Reads those of a filter by slices, without holding up a claim. */
export async function chosenIds(
  use: "cancel" | "retry",
  of: JobChoice,
  { after, states, reader }: {
    readonly after: string | undefined;
    readonly states: readonly JobState[];
    readonly reader: StoreThread<ReadOps>;
  },
): Promise<{ readonly ids: readonly string[]; readonly next?: string }> {
  if ("ids" in of) return { ids: of.ids };
  const before = after === undefined ? null : readJobCursor(use, of.filter, after);
  const wanted = of.filter.states?.filter((it) => states.includes(it)) ?? states;
  const filter = { ...of.filter, states: wanted };
  const { ids, next } = await reader.call("ids", { filter, before, limit: SLICE }, SLOW);
  return { ids, ...(next !== null && { next: jobCursor(use, of.filter, next) }) };
}
