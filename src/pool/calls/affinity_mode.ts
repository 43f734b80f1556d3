/** The names of all {@link AffinityMode}s. */
export const AFFINITY_MODES = ["hint", "strict_queue", "strict_fail_fast"] as const;

/**
 * The way in which a call keeps to the worker of its session.
 *
 * - `hint`: that worker if it has room and no other one is idle meanwhile, else any other at once.
 * - `strict_queue`: only that worker; the call waits for it, even while others are idle.
 * - `strict_fail_fast`: only that worker; the call is refused if the worker is busy.
 */
export type AffinityMode = typeof AFFINITY_MODES[number];
