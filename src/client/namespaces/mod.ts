/**
 * The namespaces of a client, each named as in the library, and the calls ({@link Calls}). Each
 * method is one request.
 *
 * @module
 */
export { Calls } from "./calls.ts";
export { Hardware, Health, type Liveness } from "./machine.ts";
export { Maps } from "./maps.ts";
export { PoolList, Workers } from "./pools.ts";
export { Programs } from "./programs.ts";
export { type OpenedSession, Session, Sessions } from "./sessions.ts";
export { ToolList } from "./tools.ts";
export { Variables } from "./variables.ts";
