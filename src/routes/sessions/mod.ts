/**
 * The routes of sessions: the sessions themselves ({@link addSessions}), their variables
 * ({@link addVariables}), several variables at once ({@link addBatch}), and the events of changes
 * ({@link addEvents}). {@link readPreconditions} reads `If-Match` and `If-None-Match`.
 *
 * @module
 */
export { addBatch } from "./batch.ts";
export { addEvents } from "./events.ts";
export { etagOf, isUnchanged, readPreconditions, underPreconditions } from "./preconditions.ts";
export { readFields } from "./request_fields.ts";
export { PAGE_QUERY, pageOf, SESSION_PARAM } from "./session_schema.ts";
export { addSessions, type SessionsSlice } from "./sessions.ts";
export { addVariables } from "./variables.ts";
