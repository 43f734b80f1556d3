/**
 * The affinity of sessions to workers. {@link Affinity} decides which worker a call of a session
 * may go to. It has a {@link Binding} for each session, in a bounded table, and a `Home` for each
 * worker, with the calls that wait for that worker alone.
 *
 * It reads no store: a session is the id that its calls name. Code that knows more reports it
 * to {@link PoolSessions}.
 *
 * @module
 */
export { Affinity, type AffinityOptions, type SessionWorker } from "./affinity.ts";
export { PoolSessions } from "./pool_sessions.ts";
export { SessionCall } from "./session_call.ts";
export type { ToolBinding } from "./tool_binding.ts";
