/**
 * The queues: what each allows ({@link Queues}), and how many jobs it has in each place
 * ({@link Counters}).
 *
 * @module
 */
export { Counters, readTotals, StoredTotals } from "./counters.ts";
export {
  concurrencyOf,
  QUEUE_COLUMNS,
  queueRowOf,
  Queues,
  rateOf,
  type StoredQueue,
} from "./queues.ts";
