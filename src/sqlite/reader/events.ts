import type { JobEventOrReset } from "../../store/mod.ts";
import { isEnd, stateOf } from "../schema/mod.ts";
import type { EventPage } from "../messages/mod.ts";
import type { Statements } from "../writer/mod.ts";

/** The most events, and about the most bytes, of one page. */
const MAX_EVENTS = 256;
const MAX_BYTES = 256 * 1024;

interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly run: number | null;
  readonly place: number | null;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

interface Owner {
  readonly seq: number;
  readonly place: number;
  readonly event_seq: number;
  readonly finished_at: number | null;
  readonly chunks_gone: number | null;
}

/** Reads events of a job behind `after`. */
export function eventsOf(
  statements: Statements,
  { id, after }: { readonly id: string; readonly after: number },
): EventPage {
  const job = statements.get<Owner>(
    "select seq, place, event_seq, finished_at, chunks_gone from job where id = ?",
    id,
  );
  if (job === undefined) return { events: [], hasMore: false, isOver: true };
  const events: JobEventOrReset[] = [];
  const gone = job.chunks_gone ?? 0;
  if (after < gone) events.push({ kind: "reset", seq: gone });
  let bytes = 0;
  let last = Math.max(after, gone);
  const lastStored = isEnd(job.place) ? job.event_seq - 1 : job.event_seq;
  while (events.length < MAX_EVENTS && bytes < MAX_BYTES && last < lastStored) {
    const row = statements.get<EventRow>(
      "select seq, at, run, place, body from event where job = ? and seq > ? order by seq limit 1",
      job.seq,
      last,
    );
    if (row === undefined) break;
    last = row.seq;
    bytes += row.body?.byteLength ?? 0;
    events.push(eventOf(row));
  }
  const hasMore = last < lastStored && events.length > 0 && events[events.length - 1]?.seq === last;
  if (!isEnd(job.place) || hasMore) return { events, hasMore, isOver: false };
  const { event_seq: seq, finished_at: at, place } = job;
  if (after < seq) events.push({ kind: "end", seq, at: at ?? 0, state: stateOf(place) });
  return { events, hasMore: false, isOver: true };
}

function eventOf({ seq, at, run, place, body }: EventRow): JobEventOrReset {
  if (place !== null) return { kind: "end", seq, at, state: stateOf(place) };
  return { kind: "chunk", seq, at, run: run ?? 0, body: body ?? new Uint8Array() };
}
