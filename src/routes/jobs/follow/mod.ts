/**
 * The routes that follow a job until its end: its events ({@link addJobEvents}), also as the answer
 * to a submission ({@link JobEventStreams}), and its log ({@link addJobLogs}).
 *
 * @module
 */
export { EVENTS_CONTENT, JobEventStreams, POSITION_HEADER, positionOf } from "./event_stream.ts";
export { addJobEvents } from "./events.ts";
export { addJobLogs } from "./logs.ts";
