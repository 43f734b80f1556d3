/**
 * The keys by which jobs are limited: how many of a key may start ({@link LimitKeys}), and which
 * pools its jobs wait for ({@link Lanes}). And those by which queues share their slots:
 * {@link FairShares}.
 *
 * @module
 */
export { type FairLane, FairShares } from "./fair_shares.ts";
export { columnOf, Lanes } from "./lanes.ts";
export { type LimitKey, LimitKeys, nextRoomAt, roomOf, start } from "./limit_keys.ts";
