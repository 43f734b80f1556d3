/**
 * Time and waiting within one process: {@link Clock} and the alarms built on it ({@link Alarms}), a
 * semaphore ({@link Semaphore}), a wait for a state ({@link Condition}), bounded waits
 * ({@link settlesWithin}, {@link delay}), a promise that begins when it is awaited
 * ({@link LazyPromise}), work that several callers share ({@link SharedWork}), a cheap signal
 * ({@link LoneSignal}), the pauses between attempts ({@link Backoff}), turns of the event loop
 * between the parts of long work ({@link nextTurn}, {@link TurnBudget}), and what can be iterated
 * ({@link isIterable}). An aborted wait releases what it holds.
 *
 * @module
 */
export { type Alarm, Alarms, LoneAlarm } from "./alarms.ts";
export { Backoff, type BackoffOptions, type Jitter } from "./backoff.ts";
export { delay, settlesWithin, unlessAborted, withDeadline } from "./bounded_wait.ts";
export { type Clock, SYSTEM_CLOCK } from "./clock.ts";
export { Condition } from "./condition.ts";
export { isIterable } from "./iterables.ts";
export { LazyPromise } from "./lazy_promise.ts";
export { nextTurn } from "./next_turn.ts";
export { Semaphore } from "./semaphore.ts";
export { SharedWork } from "./shared_work.ts";
export { LoneSignal, type StopListener, type StopSignal } from "./stop_signal.ts";
export { TurnBudget } from "./turn_budget.ts";
