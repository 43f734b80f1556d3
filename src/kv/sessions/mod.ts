/**
 * The sessions of the store in KV, with their variables and programs: {@link KvSessions}. A session
 * is two rows, its head and its state; each of its lives has variables and programs under a key of
 * its own, so that a session ends with one commit, and {@link KvNamedRows} removes the rest later.
 *
 * @module
 */
export { KvNamedRows } from "./kv_named_rows.ts";
export { KvSessions } from "./kv_sessions.ts";
