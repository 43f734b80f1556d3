/**
 * Time and waiting, for one process: {@link Clock} and the alarms built on it ({@link Alarms}), a
 * semaphore ({@link Semaphore}), a condition to wait for ({@link Condition}), waits with a bound
 * ({@link settlesWithin}, {@link delay}), and the pauses between attempts ({@link Backoff}). Everything that can wait takes an AbortSignal, and holds
 * nothing once it has left.
 *
 * @module
 */
export { type Alarm, Alarms } from "./alarms.ts";
export { Backoff, type BackoffOptions, type Jitter } from "./backoff.ts";
export { delay, settlesWithin, withDeadline } from "./bounded_wait.ts";
export { type Clock, SYSTEM_CLOCK } from "./clock.ts";
export { Condition } from "./condition.ts";
export { Semaphore } from "./semaphore.ts";
