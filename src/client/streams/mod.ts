/**
 * Streams of the client: {@link SseParser} reads Server-Sent Events, {@link EventReader} those of
 * one answer, {@link CallEvents} those of a call over several connections. {@link ToolStream} and
 * {@link MapResults} are what a program reads.
 *
 * @module
 */
export { CallEvents } from "./call_events.ts";
export { EventReader } from "./event_reader.ts";
export { MapResults } from "./map_results.ts";
export { reporterTo } from "./progress_listener.ts";
export { type SseEvent, SseParser } from "./sse_parser.ts";
export { ToolStream } from "./tool_stream.ts";
