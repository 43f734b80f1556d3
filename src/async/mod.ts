/**
 * Time and waiting, for one process: {@link Clock} and the alarms built on it ({@link Deadlines}), a
 * semaphore ({@link Gate}), a condition to wait for ({@link Changes}), and waits with a bound
 * ({@link settlesWithin}, {@link delay}). Everything that can wait takes an AbortSignal, and holds
 * nothing once it has left.
 *
 * @module
 */
export { type Alarm, Deadlines } from "./alarms.ts";
export { delay, settlesWithin, withDeadline } from "./bounded_wait.ts";
export { type Clock, SYSTEM_CLOCK } from "./clock.ts";
export { Changes } from "./condition.ts";
export { Gate } from "./semaphore.ts";
