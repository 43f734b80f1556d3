/**
 * The events of jobs as Server-Sent Events: {@link JobEventStreams} makes the answers, for
 * `GET /v1/jobs/:id/events` ({@link addJobEvents}) and for submissions that prefer events.
 *
 * @module
 */
export { EVENTS_CONTENT, JobEventStreams, POSITION_HEADER, positionOf } from "./event_stream.ts";
export { addJobEvents } from "./follow.ts";
