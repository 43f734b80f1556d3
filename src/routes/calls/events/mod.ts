/**
 * The events of a call as they are sent: written as text ({@link eventWriter}), taken from the call
 * when there is room for them ({@link EventFeed}), and read over one connection
 * ({@link StreamBody}) or over several. A stream that outlives its connections
 * ({@link KeptStream}) goes on for a while when its reader is cut off, keeps its last events
 * ({@link ReplayBuffer}), and is read on from any of them by the next {@link KeptBody}.
 * {@link PulledEvents} are those of other subjects, such as a session, which somebody else keeps.
 *
 * @module
 */
export { EventFeed, onOneLine } from "./event_feed.ts";
export { newStreamId, noStream, parseEventId, streamGone } from "./event_id.ts";
export { KeptBody } from "./kept_body.ts";
export type { KeptStream } from "./kept_stream.ts";
export { type KeepLimits, KeptStreams } from "./kept_streams.ts";
export { EVENT_HEADERS, PulledEvents, type PulledEventsOptions } from "./pulled_events.ts";
export type { ReplayBuffer } from "./replay_buffer.ts";
export { StreamBody } from "./stream_body.ts";
export { eventWriter } from "./stream_events.ts";
