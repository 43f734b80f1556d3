/**
 * The keys by which jobs are limited: how many of a key may start ({@link LimitKeys}), and which
 * pools its jobs wait for ({@link Lanes}).
 *
 * @module
 */
export { columnOf, Lanes } from "./lanes.ts";
export { type LimitKey, LimitKeys, nextRoomAt, roomOf, start } from "./limit_keys.ts";
