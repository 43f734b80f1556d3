/**
 * What a process owes to the system that it runs on: the signals that ask it to stop.
 *
 * - {@link StopSignals}: one request to stop, however many signals carry it; a later one ends the process at once.
 */
export { StopSignals } from "./stop_signals.ts";
